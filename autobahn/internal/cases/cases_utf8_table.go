package cases

// utf8Group is a group of section 6: messages of one frame, by payload in
// hexadecimal.
type utf8Group struct {
	number   int
	title    string
	payloads []utf8Payload
}

type utf8Payload struct {
	hex   string
	valid bool
}

// utf8Groups are 6.5 to 6.23.
var utf8Groups = []utf8Group{
	{5, "valid sequences", []utf8Payload{
		{"68656c6c6f24776f726c64", true},
		{"68656c6c6fc2a2776f726c64", true},
		{"68656c6c6fe282ac776f726c64", true},
		{"68656c6c6ff0a4ada2776f726c64", true},
		{"cebae1bdb9cf83cebcceb5", true},
	}},
	{6, "prefixes of cebae1bdb9cf83cebcceb5", []utf8Payload{
		{"ce", false},
		{"ceba", true},
		{"cebae1", false},
		{"cebae1bd", false},
		{"cebae1bdb9", true},
		{"cebae1bdb9cf", false},
		{"cebae1bdb9cf83", true},
		{"cebae1bdb9cf83ce", false},
		{"cebae1bdb9cf83cebc", true},
		{"cebae1bdb9cf83cebcce", false},
		{"cebae1bdb9cf83cebcceb5", true},
	}},
	{7, "first code point of 1 to 4 bytes", []utf8Payload{
		{"00", true},
		{"c280", true},
		{"e0a080", true},
		{"f0908080", true},
	}},
	{8, "first code point of 5 and 6 bytes", []utf8Payload{
		{"f888808080", false},
		{"fc8480808080", false},
	}},
	{9, "last code point of 1 to 4 bytes", []utf8Payload{
		{"7f", true},
		{"dfbf", true},
		{"efbfbf", true},
		{"f48fbfbf", true},
	}},
	{10, "last code point of 4 to 6 bytes, out of range", []utf8Payload{
		{"f7bfbfbf", false},
		{"fbbfbfbfbf", false},
		{"fdbfbfbfbfbf", false},
	}},
	{11, "other boundaries", []utf8Payload{
		{"ed9fbf", true},
		{"ee8080", true},
		{"efbfbd", true},
		{"f48fbfbf", true},
		{"f4908080", false},
	}},
	{12, "unexpected continuation bytes", []utf8Payload{
		{"80", false},
		{"bf", false},
		{"80bf", false},
		{"80bf80", false},
		{"80bf80bf", false},
		{"80bf80bf80", false},
		{"80bf80bf80bf", false},
		{"808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbe", false},
	}},
	{13, "lonely start bytes, each followed by 0x20", []utf8Payload{
		{"c020c120c220c320c420c520c620c720c820c920ca20cb20cc20cd20ce20cf20d020d120d220d320d420d520d620d720d820d920da20db20dc20dd20de20", false},
		{"e020e120e220e320e420e520e620e720e820e920ea20eb20ec20ed20ee20", false},
		{"f020f120f220f320f420f520f620", false},
		{"f820f920fa20", false},
		{"fc20", false},
	}},
	{14, "last continuation missing", []utf8Payload{
		{"c0", false},
		{"e080", false},
		{"f08080", false},
		{"f8808080", false},
		{"fc80808080", false},
		{"df", false},
		{"efbf", false},
		{"f7bfbf", false},
		{"fbbfbfbf", false},
		{"fdbfbfbfbf", false},
	}},
	{15, "concatenation of 6.14", []utf8Payload{
		{"c0e080f08080f8808080fc80808080dfefbff7bfbffbbfbfbffdbfbfbfbf", false},
	}},
	{16, "impossible bytes", []utf8Payload{
		{"fe", false},
		{"ff", false},
		{"fefeffff", false},
	}},
	{17, "overlong '/'", []utf8Payload{
		{"c0af", false},
		{"e080af", false},
		{"f08080af", false},
		{"f8808080af", false},
		{"fc80808080af", false},
	}},
	{18, "maximum overlong", []utf8Payload{
		{"c1bf", false},
		{"e09fbf", false},
		{"f08fbfbf", false},
		{"f887bfbfbf", false},
		{"fc83bfbfbfbf", false},
	}},
	{19, "overlong NUL", []utf8Payload{
		{"c080", false},
		{"e08080", false},
		{"f0808080", false},
		{"f880808080", false},
		{"fc8080808080", false},
	}},
	{20, "single surrogates", []utf8Payload{
		{"eda080", false},
		{"edadbf", false},
		{"edae80", false},
		{"edafbf", false},
		{"edb080", false},
		{"edbe80", false},
		{"edbfbf", false},
	}},
	{21, "paired surrogates", []utf8Payload{
		{"eda080edb080", false},
		{"eda080edbfbf", false},
		{"edadbfedb080", false},
		{"edadbfedbfbf", false},
		{"edae80edb080", false},
		{"edae80edbfbf", false},
		{"edafbfedb080", false},
		{"edafbfedbfbf", false},
	}},
	{22, "non-characters", []utf8Payload{
		{"efbfbe", true},
		{"efbfbf", true},
		{"f09fbfbe", true},
		{"f09fbfbf", true},
		{"f0afbfbe", true},
		{"f0afbfbf", true},
		{"f0bfbfbe", true},
		{"f0bfbfbf", true},
		{"f18fbfbe", true},
		{"f18fbfbf", true},
		{"f19fbfbe", true},
		{"f19fbfbf", true},
		{"f1afbfbe", true},
		{"f1afbfbf", true},
		{"f1bfbfbe", true},
		{"f1bfbfbf", true},
		{"f28fbfbe", true},
		{"f28fbfbf", true},
		{"f29fbfbe", true},
		{"f29fbfbf", true},
		{"f2afbfbe", true},
		{"f2afbfbf", true},
		{"f2bfbfbe", true},
		{"f2bfbfbf", true},
		{"f38fbfbe", true},
		{"f38fbfbf", true},
		{"f39fbfbe", true},
		{"f39fbfbf", true},
		{"f3afbfbe", true},
		{"f3afbfbf", true},
		{"f3bfbfbe", true},
		{"f3bfbfbf", true},
		{"f48fbfbe", true},
		{"f48fbfbf", true},
	}},
	{23, "specials", []utf8Payload{
		{"efbfb9", true},
		{"efbfba", true},
		{"efbfbb", true},
		{"efbfbc", true},
		{"efbfbd", true},
		{"efbfbe", true},
		{"efbfbf", true},
	}},
}

package cases

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// dataUnits is how many units each data set of the compression cases has. It is a multiple of
// each message's length, so that the same messages come round again.
const dataUnits = 256 << 10

// dataSet is what the messages of a compression case are cut from. Its units are octets if it
// is binary, and characters if it is text.
type dataSet struct {
	title  string
	binary bool
	make   func(r *rand.Rand) string

	once    sync.Once
	content string
	offsets []int // of each character, and of the end; nil: a unit is an octet
}

// dataSets are in place of those of the Autobahn|Testsuite, which are files. They are as easy
// to compress, and in the same ways, which is what counts.
var dataSets = []*dataSet{
	{title: "JSON", make: jsonData},
	{title: "a grey-scale picture", binary: true, make: pictureData},
	{title: "German text in UTF-8", binary: true, make: germanData},
	{title: "HTML with characters of several octets", make: htmlData},
	{title: "a file that is compressed already, for the most part", binary: true, make: packedData},
}

// slice returns n units from a given one. That may be any number: the set is a ring.
func (d *dataSet) slice(from, n int) []byte {
	d.once.Do(d.init)
	from %= dataUnits
	if from+n > dataUnits {
		return append(d.slice(from, dataUnits-from), d.slice(0, from+n-dataUnits)...)
	}
	if d.offsets == nil {
		return []byte(d.content[from : from+n])
	}
	return []byte(d.content[d.offsets[from]:d.offsets[from+n]])
}

// init makes the content. It is the same in every process.
func (d *dataSet) init() {
	d.content = d.make(rand.New(rand.NewPCG(6455, 7692)))
	if d.binary {
		d.content = d.content[:dataUnits]
		return
	}
	for at := range d.content {
		if len(d.offsets) == dataUnits {
			d.content = d.content[:at]
			break
		}
		d.offsets = append(d.offsets, at)
	}
	d.offsets = append(d.offsets, len(d.content))
	if utf8.RuneCountInString(d.content) == len(d.content) {
		d.offsets = nil
	}
}

// grow calls add until there are enough units, octets or characters.
func grow(add func(b *strings.Builder)) string {
	var b strings.Builder
	for b.Len() < dataUnits*2 {
		add(&b)
	}
	return b.String()
}

func jsonData(r *rand.Rand) string {
	return grow(func(b *strings.Builder) {
		b.WriteString(`{"id": ` + strconv.Itoa(r.IntN(1e9)) + `, "name": "` + words(r, 2, "latin") +
			`", "active": ` + strconv.FormatBool(r.IntN(2) == 0) + `, "balance": ` +
			strconv.FormatFloat(r.Float64()*1e4, 'f', 2, 64) + `, "tags": ["` + words(r, 1, "latin") + `"]}, `)
	})
}

func pictureData(r *rand.Rand) string {
	x := 0
	return grow(func(b *strings.Builder) {
		x++
		b.WriteByte(byte(x%512/2 + x/512/4 + r.IntN(6)))
	})
}

func germanData(r *rand.Rand) string {
	return grow(func(b *strings.Builder) {
		b.WriteString(words(r, 6+r.IntN(4), "german") + ",\r\n")
	})
}

func htmlData(r *rand.Rand) string {
	return grow(func(b *strings.Builder) {
		b.WriteString("<li class=\"item\"><a href=\"/wiki/" + strconv.Itoa(r.IntN(1e6)) + "\">" +
			words(r, 3, "mixed") + "</a></li>\n")
	})
}

func packedData(r *rand.Rand) string {
	return grow(func(b *strings.Builder) {
		b.WriteString("endstream endobj\n" + strconv.Itoa(r.IntN(1000)) + " 0 obj stream\n")
		for range 500 {
			b.WriteString(string(rune(r.IntN(128))))
			b.WriteByte(byte(r.IntN(256)))
		}
	})
}

var vocabulary = map[string][]string{
	"latin":  strings.Fields("lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore"),
	"german": strings.Fields("Größe über schön Mädchen hören Straße und der die das nicht ein Geist im Garten Wörter für müde Füße"),
	"mixed":  strings.Fields("naïve café 東京 Σωκράτης Москва page index — “quoted” 𝔘nicode history of the 世界 article"),
}

// words returns n random words.
func words(r *rand.Rand, n int, language string) string {
	list := vocabulary[language]
	var s []string
	for range n {
		s = append(s, list[r.IntN(len(list))])
	}
	return strings.Join(s, " ")
}

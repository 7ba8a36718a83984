"""The messages of every exchange; messages.mjs and the Go test have the same."""


def messages():
    out = ["", "a", "κόσμε 𝄞", "x" * 125, "x" * 126, "x" * 65535, "x" * 65536]
    text = "".join('{"id":%d,"name":"user %d"}' % (i * 7919 % 1000, i % 17) for i in range(3000))
    out += [text, text[:700], text[100:900]]
    data, x = bytearray(200000), 1
    for i in range(len(data)):
        x = (x * 75 + 74) % 65537
        data[i] = x & 255
    data = bytes(data)
    return out + [data, b"", data[:300], text[:700]]

"""Makes zlib.json: messages compressed by zlib as permessage-deflate does.

Run it as: python3 zlib.py > zlib.json
"""
import json
import random
import zlib

random.seed(7692)
WORDS = "order price update account message server client window queue status".split()


def text(n):
    out = ""
    while len(out) < n:
        out += '{"id":%d,"type":"%s","price":%.2f,"tags":["%s","%s"],"ok":%s},' % (
            random.randrange(10**6), random.choice(WORDS), random.random() * 500,
            random.choice(WORDS), random.choice(WORDS), random.choice(["true", "false"]))
    return out[:n].encode()


BODY = text(1500) + bytes(random.randrange(256) for _ in range(200)) + bytes(700) + text(600)
PIECES = [(0, 40), (0, 1000), (1000, 1700), (1600, 2400), (100, 160), (0, 0), (2300, 3000), (2999, 3000)]
STRATEGIES = {"default": zlib.Z_DEFAULT_STRATEGY, "filtered": zlib.Z_FILTERED, "huffman": zlib.Z_HUFFMAN_ONLY,
              "rle": zlib.Z_RLE, "fixed": zlib.Z_FIXED}


def connection(level, strategy, bits, memory):
    z = zlib.compressobj(level, zlib.DEFLATED, -bits, memory, STRATEGIES[strategy])
    wires = []
    for start, end in PIECES:
        wire = z.compress(BODY[start:end]) + z.flush(zlib.Z_SYNC_FLUSH)
        # zlib writes nothing where nothing is new: the sender writes the block.
        wires.append(wire[:-4].hex() or "00")
    return {"level": level, "strategy": strategy, "bits": bits, "wires": wires}


CASES = [(1, "default", 15, 8), (6, "default", 15, 8), (9, "default", 15, 9), (0, "default", 15, 8),
         (6, "default", 9, 1), (9, "default", 10, 8), (6, "default", 12, 2), (6, "filtered", 11, 8),
         (6, "huffman", 15, 8), (6, "rle", 15, 8), (6, "fixed", 13, 8), (1, "fixed", 9, 8)]
print(json.dumps({"zlib": zlib.ZLIB_RUNTIME_VERSION, "body": BODY.hex(), "pieces": PIECES,
                  "connections": [connection(*c) for c in CASES]}, indent=0))

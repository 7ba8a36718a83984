"""What the peers in Python have in common: commands come by lines, and text
messages that begin with "/" ask for more than an echo. See the README."""
import asyncio
import os
import sys
import threading

MAX = 1 << 25
PIECE = 1000  # bytes, or characters, of a fragment


def offer(words):
    """The words after serve and connect: {"deflate": True, "server_bits": 10}."""
    out = {}
    for w in words:
        name, _, value = w.partition("=")
        out[name] = int(value) if value else True
    return out


def say(*words):
    print(*words, flush=True)


def command(message):
    """What a text message asks for: name, argument, code."""
    if not isinstance(message, str) or not message.startswith("/") or len(message) > 200:
        return "", "", 0
    name, _, arg = message[1:].partition(" ")
    if name == "close":
        code, _, reason = arg.partition(" ")
        return name, reason, int(code)
    return name, arg, 0


def pieces(message):
    return [message[i:i + PIECE] for i in range(0, len(message), PIECE)]


def run_threads(serve, connect):
    """As arun, for libraries that block: each line has a thread."""
    for line in sys.stdin:
        verb, *words = line.split()
        job, args = (serve, ()) if verb == "serve" else (connect, (words.pop(0),))
        threading.Thread(target=job, args=(*args, offer(words)), daemon=True).start()


async def arun(serve, connect):
    """Obeys the lines until standard input ends; the peer ends with its parent."""
    loop, tasks = asyncio.get_running_loop(), set()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        verb, *words = line.split()
        if verb == "serve":
            job = serve(offer(words))
        else:
            job = connect(words[0], offer(words[1:]))
        task = loop.create_task(reported(job))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    os._exit(0)


async def reported(job):
    try:
        await job
    except Exception as e:
        say("failed", repr(e).replace("\n", " "))

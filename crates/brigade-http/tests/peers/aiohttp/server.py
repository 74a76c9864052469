"""WebSockets and server-sent events by aiohttp, with their misfortunes on demand.

usage: server.py PORT [CHAIN KEY]
"""

import asyncio
import json
import ssl
import sys
import zlib

from aiohttp import WSMsgType, web

LARGEST = 32 << 20
routes = web.RouteTableDef()
seen = {"closed": [], "resumed": [], "flooded": 0}
go = asyncio.Event()


@routes.get("/seen")
async def tell(request):
    return web.json_response(seen)


@routes.post("/go")
async def release(request):
    go.set()
    return web.Response()


async def accept(request, **said):
    socket = web.WebSocketResponse(max_msg_size=LARGEST, **said)
    await socket.prepare(request)
    return socket


async def messages(socket):
    """What arrives until the end, which is written down."""
    while True:
        message = await socket.receive()
        if message.type in (WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.PING, WSMsgType.PONG):
            yield message
            continue
        said = [message.data, message.extra] if message.type is WSMsgType.CLOSE else None
        seen["closed"].append(said)
        return


async def answer(socket, message):
    if message.type is WSMsgType.TEXT:
        await socket.send_str(message.data)
    else:
        await socket.send_bytes(message.data)


@routes.get("/echo")
async def echo(request):
    socket = await accept(request, protocols=("chat.v2", "chat.v1"))
    async for message in messages(socket):
        await answer(socket, message)
    return socket


@routes.get("/terms")
async def terms(request):
    """Says what was agreed upon, the compression included, for which it is ready."""
    socket = await accept(request, protocols=("chat.v2", "chat.v1"), compress=True)
    asked = request.headers.get("Sec-WebSocket-Extensions")
    await socket.send_json([socket.ws_protocol, socket.compress, asked])
    async for _ in messages(socket):
        pass
    return socket


@routes.get("/rogue")
async def rogue(request):
    """Agrees to what nobody has offered."""
    socket = web.WebSocketResponse()
    socket.headers[request.query["name"]] = request.query["value"]
    await socket.prepare(request)
    await socket.receive()
    return socket


def frame(opcode, payload, final):
    head = bytes([opcode | (0x80 if final else 0)])
    if len(payload) < 126:
        head += bytes([len(payload)])
    elif len(payload) < 1 << 16:
        head += b"\x7e" + len(payload).to_bytes(2, "big")
    else:
        head += b"\x7f" + len(payload).to_bytes(8, "big")
    return head + payload


@routes.get("/fragments")
async def fragments(request):
    """Sends back what arrives in frames of a size, with pings between them."""
    size = int(request.query["size"])
    socket = await accept(request)
    async for message in messages(socket):
        is_text = message.type is WSMsgType.TEXT
        data = message.data.encode() if is_text else message.data
        parts = [data[at : at + size] for at in range(0, len(data), size)] or [b""]
        for number, part in enumerate(parts):
            opcode = (1 if is_text else 2) if number == 0 else 0
            is_last = number == len(parts) - 1
            request.transport.write(frame(opcode, part, is_last))
            if not is_last and number % 16 == 0:
                await socket.ping(b"between")
            await asyncio.sleep(0)
    return socket


@routes.get("/heartbeat")
async def heartbeat(request):
    """Gives up a client that does not answer its pings."""
    socket = await accept(request, heartbeat=float(request.query["every"]))
    async for message in messages(socket):
        await answer(socket, message)
    return socket


@routes.get("/pings")
async def pings(request):
    """Pings with payloads, and says what came back."""
    socket = await accept(request, autoping=False)
    payloads = [b"", b"one", bytes(range(125))]
    for payload in payloads:
        await socket.ping(payload)
        async for message in messages(socket):
            await socket.send_json([message.type.name, message.data == payload])
            break
    await socket.close()
    return socket


@routes.get("/close")
async def close(request):
    """Closes as it is told, after a message."""
    socket = await accept(request)
    await socket.send_str("last words")
    text = request.query.get("text", "").encode()
    await socket.close(code=int(request.query["code"]), message=text)
    return socket


@routes.get("/die")
async def die(request):
    """Is gone without a word, in the middle of a message or between two."""
    socket = await accept(request)
    await socket.send_str("last words")
    if "within" in request.query:
        request.transport.write(b"\x82\x7e\xff\xff half of it")
    await asyncio.sleep(0.05)
    request.transport.abort() if "abort" in request.query else request.transport.close()
    return socket


@routes.get("/flood")
async def flood(request):
    """Sends numbered messages as fast as they are taken."""
    socket = await accept(request)
    size = int(request.query["size"])
    for number in range(int(request.query["count"])):
        await socket.send_bytes(number.to_bytes(8, "big") * (size // 8))
        seen["flooded"] += size
    await socket.close()
    return socket


@routes.get("/sink")
async def sink(request):
    """Takes nothing until it is told to go on, and then all, and says what it was."""
    socket = await accept(request)
    await go.wait()
    count, size, is_good = 0, 0, True
    async for message in messages(socket):
        if message.type is WSMsgType.TEXT:
            await socket.send_str(json.dumps([size, is_good], separators=(",", ":")))
            continue
        is_good &= message.data == count.to_bytes(8, "big") * (len(message.data) // 8)
        count, size = count + 1, size + len(message.data)
    return socket


def event(number):
    heartbeat = ": still there\n\n" if number % 3 == 0 else ""
    return f"{heartbeat}id: {number}\nevent: count\ndata: number\ndata: {number}\n\n".encode()


async def stream(request, **headers):
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", **headers})
    await response.prepare(request)
    return response


@routes.get("/events")
async def events(request):
    """Counts to `total`, and breaks off after `each` events, in a way of three."""
    last = request.headers.get("Last-Event-ID")
    seen["resumed"].append(last)
    total, each = int(request.query["total"]), int(request.query["each"])
    start = int(last or 0) + 1
    if start > total:
        return web.Response(status=204)
    response = await stream(request)
    await response.write(f"retry: {request.query['retry']}\n\n".encode())
    for number in range(start, min(start + each, total + 1)):
        await response.write(event(number))
    # With a part of the next event, and with or without a proper end.
    way = len(seen["resumed"]) % 3
    if way > 0:
        await response.write(event(start + each)[:-1])
        await asyncio.sleep(0.02)
    if way > 1:
        request.transport.abort()
    return response


@routes.get("/quiet-events")
async def quiet_events(request):
    """One event after a while of nothing but heartbeats."""
    response = await stream(request)
    for _ in range(int(request.query["beats"])):
        await asyncio.sleep(0.1)
        await response.write(b": still there\n\n")
    await response.write(event(1))
    return response


@routes.get("/packed-events")
async def packed_events(request):
    """One event at a time, compressed; the next one when the last was acknowledged."""
    response = await stream(request, **{"Content-Encoding": "gzip"})
    packer = zlib.compressobj(wbits=31)
    for number in range(1, int(request.query["total"]) + 1):
        packed = packer.compress(event(number)) + packer.flush(zlib.Z_SYNC_FLUSH)
        await response.write(packed)
        await go.wait()
        go.clear()
    await response.write(packer.flush())
    return response


def main():
    port, *identity = sys.argv[1:]
    secure = None
    if identity:
        secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        secure.load_cert_chain(*identity)
    application = web.Application()
    application.add_routes(routes)
    web.run_app(
        application,
        host="127.0.0.1",
        port=int(port),
        ssl_context=secure,
        access_log=None,
        print=None,
        shutdown_timeout=0.1,
    )


main()

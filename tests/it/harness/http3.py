"""An HTTP/3 client for the tests.

    http3.py ADDRESS PORT

Each line of the input is a JSON list of requests, which are sent at once on one connection; each line
of the output is the list of what became of them. A connection lives until a line says otherwise.

A request: "fields" (pairs of name and value, as they go into HEADERS), "body" (base64), and "abort",
if it is to be given up: "stream", "connection" (said) or "silence" (not said), after "after" seconds.
"""

import asyncio
import base64
import json
import os
import ssl
import sys

from aioquic.asyncio import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3_ALPN, ErrorCode, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, StreamReset

PATIENCE = 40  # seconds, as for HTTP/1.1


class Client(QuicConnectionProtocol):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.http = H3Connection(self._quic)
        self.answers = {}
        self.is_over = False

    def quic_event_received(self, event):
        if isinstance(event, ConnectionTerminated):
            self.is_over = True
            for stream in self.answers:
                self.end(stream, f"connection closed: {event.reason_phrase or event.error_code}")
        elif isinstance(event, StreamReset) and event.stream_id in self.answers:
            self.end(event.stream_id, f"stream reset: {event.error_code:#x}")
        for event in self.http.handle_event(event):
            answer = self.answers.get(getattr(event, "stream_id", None))
            if answer is None:
                continue
            if isinstance(event, HeadersReceived):
                answer["fields"] += [[text.decode("latin-1") for text in field] for field in event.headers]
            elif isinstance(event, DataReceived):
                answer["body"] += event.data
            if event.stream_ended:
                self.end(event.stream_id, None)

    def end(self, stream, error):
        answer = self.answers[stream]
        if not answer["done"].done():
            answer["done"].set_result(error)

    async def ask(self, request):
        stream = self._quic.get_next_available_stream_id()
        done = asyncio.get_running_loop().create_future()
        self.answers[stream] = {"fields": [], "body": b"", "done": done}
        fields = [tuple(text.encode("latin-1") for text in field) for field in request["fields"]]
        body = base64.b64decode(request.get("body") or "")
        abort = request.get("abort")
        self.http.send_headers(stream, fields, end_stream=not body and abort != "stream")
        if body:
            self.http.send_data(stream, body, end_stream=abort != "stream")
        self.transmit()
        if abort:
            await asyncio.sleep(request.get("after", 0))
            # A stream that has ended is forgotten by aioquic: it would begin it anew.
            if abort == "stream" and not done.done():
                self._quic.reset_stream(stream, ErrorCode.H3_REQUEST_CANCELLED)
                self._quic.stop_stream(stream, ErrorCode.H3_REQUEST_CANCELLED)
                self.transmit()
            return {"error": "given up"}
        error = await asyncio.wait_for(done, PATIENCE)
        answer = self.answers.pop(stream)
        if error:
            return {"error": error}
        return {"fields": answer["fields"], "body": base64.b64encode(answer["body"]).decode()}


async def open_connection(host, port, name):
    configuration = QuicConfiguration(
        is_client=True, alpn_protocols=H3_ALPN, verify_mode=ssl.CERT_NONE, server_name=name
    )
    context = connect(host, port, configuration=configuration, create_protocol=Client)
    return context, await asyncio.wait_for(context.__aenter__(), PATIENCE)


async def main(host, port):
    loop = asyncio.get_running_loop()
    context = client = None
    lost = []
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        requests = json.loads(line)
        if client is None or client.is_over:
            authority = dict(requests[0]["fields"])[":authority"]
            context, client = await open_connection(host, port, authority.rsplit(":", 1)[0])
        answers = await asyncio.gather(*map(client.ask, requests), return_exceptions=True)
        told = [answer if isinstance(answer, dict) else {"error": repr(answer)} for answer in answers]
        print(json.dumps(told), flush=True)
        ends = {request.get("abort") for request in requests} - {None, "stream"}
        if ends:
            if "silence" in ends:
                lost.append(context)
                client.transmit = client.datagram_received = lambda *_: None
            else:
                await context.__aexit__(None, None, None)
            client = None
    if client:
        await context.__aexit__(None, None, None)
    os._exit(0)  # those that are lost do not say goodbye


asyncio.run(main(sys.argv[1], int(sys.argv[2])))

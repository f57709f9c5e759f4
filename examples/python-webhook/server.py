"""A webhook sender: endpoints register by POST /endpoints, every event of their topic is posted to them in order, signed by the
Standard Webhooks scheme, and tried three times."""

import base64
import hashlib
import hmac
import json
import queue
import secrets
import sys
import threading
import time
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

endpoints: dict[str, "Endpoint"] = {}
lock = threading.Lock()


class Endpoint(threading.Thread):
    def __init__(self, topic, url):
        super().__init__(daemon=True)
        self.topic, self.url, self.key = topic, urlsplit(url), secrets.token_bytes(24)
        self.events = queue.SimpleQueue()

    def run(self):
        connection = HTTPConnection(self.url.netloc, timeout=5)
        while (event := self.events.get()) is not None:
            number, body = event
            for attempt in range(3):
                try:
                    connection.request("POST", self.url.path, body, self.headers(number, body))
                    answer = connection.getresponse()
                    answer.read()
                    if answer.status < 300:
                        break
                except (OSError, HTTPException):
                    connection.close()  # the next attempt connects again
                time.sleep(0.1 * 2**attempt)

    def headers(self, number, body):
        name, now = f"msg_{number}", str(int(time.time()))
        signed = hmac.digest(self.key, f"{name}.{now}.".encode() + body, hashlib.sha256)
        signature = "v1," + base64.b64encode(signed).decode()
        return {"content-type": "application/json", "webhook-id": name, "webhook-timestamp": now,
                "webhook-signature": signature}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    published = 0

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/endpoints":
            wanted = json.loads(body)
            name, endpoint = secrets.token_hex(8), Endpoint(wanted["topic"], wanted["url"])
            endpoint.start()
            with lock:
                endpoints[name] = endpoint
            secret = "whsec_" + base64.b64encode(endpoint.key).decode()
            return self.answer(201, json.dumps({"id": name, "secret": secret}).encode())
        topic = self.path.removeprefix("/events/")
        with lock:  # the number and the order in the queues go together
            Handler.published += 1
            for endpoint in endpoints.values():
                if endpoint.topic == topic:
                    endpoint.events.put((Handler.published, body))
        self.answer(202)

    def do_DELETE(self):
        with lock:
            endpoint = endpoints.pop(self.path.removeprefix("/endpoints/"), None)
        if endpoint:
            endpoint.events.put(None)
        self.answer(204 if endpoint else 404)

    def do_GET(self):  # how many events it took
        self.answer(200, json.dumps({"published": Handler.published}).encode())

    def answer(self, status, body=b""):
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


ThreadingHTTPServer.request_queue_size = 1024
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()

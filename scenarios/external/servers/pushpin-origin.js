// An origin behind pushpin (https://pushpin.org): it keeps the events, and tells pushpin by GRIP which requests to hold, and what to
// send to those that it holds.
//
// node pushpin-origin.js PORT CONTROL_PORT, the second being pushpin's push_in_http_port. No package is needed.

const http = require("node:http");

const [port, control] = process.argv.slice(2).map(Number);
// The events of each topic, by their number from 1.
const topics = new Map();
const logOf = (topic) => topics.get(topic) ?? topics.set(topic, []).get(topic);
let published = 0;
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

// Has pushpin send something to all that it holds on a channel, in the format of each.
function tell(item) {
  const body = JSON.stringify({ items: [item] });
  const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
  return new Promise((told, failed) => {
    const options = { host: "127.0.0.1", port: control, path: "/publish/", method: "POST", headers, agent };
    http.request(options, (answer) => answer.resume().on("end", told)).on("error", failed).end(body);
  });
}

// An event: pushpin sends a channel's items in the order of their ids.
const item = (topic, id, event) => ({
  channel: topic,
  id: String(id),
  "prev-id": String(id - 1),
  formats: {
    "http-response": { headers: { "content-type": "application/json" }, body: page([event], id) },
    "http-stream": { content: `id: ${id}\ndata: ${event}\n\n` },
    "ws-message": { content: event },
  },
});

const page = (events, last) => `{"events":[${events.join()}],"last":${last}}\n`;

function answer(request, response, body) {
  const url = new URL(request.url, "http://origin");
  const [, what, topic] = url.pathname.split("/");
  const log = logOf(topic);
  if (what === "publish") {
    published += 1;
    const id = log.push(body);
    return tell(item(topic, id, body)).then(
      () => response.writeHead(204).end(),
      (error) => response.writeHead(502).end(String(error)),
    );
  }
  if (what === "hold") {
    const after = Number(url.searchParams.get("after"));
    response.setHeader("content-type", "application/json");
    if (after < log.length) return response.end(page(log.slice(after), log.length));
    // Held while the channel's newest event is the client's: pushpin asks again if one came in between.
    response.setHeader("grip-hold", "response");
    response.setHeader("grip-channel", `${topic}; prev-id=${after}`);
    response.setHeader("grip-timeout", "20");
    return response.end(page([], after));
  }
  if (what === "ready") {
    // Held, and soon released: whoever hears of it, all of pushpin's processes hear each other.
    response.setHeader("grip-hold", "response");
    response.setHeader("grip-channel", "ready");
    const released = { channel: "ready", formats: { "http-response": { body: "ready\n" } } };
    setTimeout(() => tell(released).catch(() => {}), 100);
    return response.end();
  }
  if (what === "stream") {
    const last = request.headers["last-event-id"];
    const missed = last === undefined ? [] : log.slice(Number(last)).map((event, n) => `id: ${Number(last) + n + 1}\ndata: ${event}\n\n`);
    response.setHeader("content-type", "text/event-stream");
    response.setHeader("grip-hold", "stream");
    response.setHeader("grip-channel", topic);
    response.setHeader("grip-keep-alive", ":\\n\\n; format=cstring; timeout=20");
    return response.end(": welcome\n\n" + missed.join(""));
  }
  if (what === "ws") {
    // WebSocket over HTTP: pushpin passes a client's frames on as the body of a request, and the answer back.
    response.setHeader("content-type", "application/websocket-events");
    if (!body.startsWith("OPEN\r\n")) return response.end();
    response.setHeader("sec-websocket-extensions", 'grip; message-prefix=""');
    const control = "c:" + JSON.stringify({ type: "subscribe", channel: topic });
    const frame = (text) => `TEXT ${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
    return response.end("OPEN\r\n" + frame(control) + frame("subscribed"));
  }
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify({ published }));
}

const server = http.createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => answer(request, response, Buffer.concat(chunks).toString()));
});
// Longer than pushpin keeps a connection without a request: closed by the origin in the same moment, one would be an error.
server.keepAliveTimeout = 600_000;
server.listen(port, "127.0.0.1");

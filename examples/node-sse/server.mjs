// Server-sent events: GET /events/TOPIC is a stream that resumes after Last-Event-ID; POST publishes to it.
import http from "node:http";

const topics = new Map();
const topicOf = (path) => {
  if (!topics.has(path)) topics.set(path, { events: [], streams: new Set() });
  return topics.get(path);
};
// Events are JSON, so they have no line breaks that would need a "data:" of their own.
const frame = (topic, n) => `id: ${n}\ndata: ${topic.events[n]}\n\n`;

const server = http.createServer(async (request, response) => {
  const topic = topicOf(request.url);
  if (request.method === "POST") {
    let event = "";
    for await (const piece of request.setEncoding("utf8")) event += piece;
    const n = topic.events.push(event) - 1;
    for (const stream of topic.streams) stream.write(frame(topic, n));
    response.writeHead(201).end();
  } else {
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    response.write(": welcome\n\n");
    const last = request.headers["last-event-id"];
    if (last !== undefined) {
      for (let n = Number(last) + 1; n < topic.events.length; n++) response.write(frame(topic, n));
    }
    topic.streams.add(response);
    response.on("close", () => topic.streams.delete(response));
  }
});
server.listen(Number(process.argv[2]), "127.0.0.1");

//! What is refused in `[target]`, with its place and the remedy.

use super::*;

/// `(lines after those of `[target]`, the message)`.
const ROWS: &[(&str, &str)] = &[
    // Keys, by their tables.
    ("heders = {}", "dir/x.toml:10: unknown key 'heders' in [target]; did you mean 'headers'?"),
    ("sse.reqest = \"GET /\"", "unknown key 'reqest' in [target.sse]; did you mean 'request'?"),
    (
        "sse.steps = [\n{ request = \"GET /\" },\n{ requst = \"GET /\" }]",
        "dir/x.toml:12: unknown key 'requst' in [target.sse.steps[1]]; did you mean 'request'?",
    ),
    (
        "[[target.setup]]\npth = \"/\"",
        "dir/x.toml:11: unknown key 'pth' in [target.setup[0]]; did you mean 'path'?",
    ),
    (
        "[target.setup]\npath = \"/\"",
        "target.setup: is a list of tables; write [[target.setup]] above its keys",
    ),
    (
        "websocket = \"/ws\"",
        "target.websocket: is a table; its keys are path, headers, subprotocol",
    ),
    (
        "headers = \"x\"",
        "target.headers: is a table with names of your own; write { name = \"…\" }",
    ),
    (
        "headers = { a = 5 }",
        "target.headers.a: integer `5` is not a text, which may contain placeholders such as {{client}}",
    ),
    ("cookies = \"yes\"", "target.cookies: string \"yes\" is not true or false"),
    (
        "match = \"tokens\"",
        "target.match: 'tokens' is not one of token, ids, field, envelope; did you mean 'token'?",
    ),
    (
        "publish.over = \"htp\"",
        "target.publish.over: 'htp' is not one of http, websocket, command; did you mean 'http'?",
    ),
    ("publish.timeout = 5", "target.publish.timeout: "),
    ("publish.timeout = \"0s\"", "target.publish.timeout = 0ns: must be greater than 0"),
    ("publish.connections = 0", "target.publish.connections = 0: must be between 1 and 10000"),
    ("publish.expect = 600", "target.publish.expect = 600: must be between 100 and 599"),
    ("publish.expect = [200, 99]", "target.publish.expect = 99: must be between 100 and 599"),
    (
        "[[target.request]]\nrequest = \"GET /\"\nweight = -1",
        "target.request[0].weight: '-1' is not a whole number",
    ),
    ("sse.resume = \"query:\"", "target.sse.resume: 'query:' is no way to resume a stream"),
    // Requests.
    (
        "long-poll.request = \"GET\"",
        "target.long-poll.request: 'GET' has no path; write \"GET /…\"",
    ),
    (
        "long-poll.request = \"get /x\"",
        "target.long-poll.request: 'get' is not a method; write \"GET /x\"",
    ),
    (
        "long-poll.request = \"events\"",
        "target.long-poll.request: 'events' is not a request; write a method and a path",
    ),
    (
        "long-poll.request = 5",
        "target.long-poll.request: is \"METHOD PATH\", or a table; its keys are request, method, path",
    ),
    (
        "long-poll.request.path = \"x\"",
        "target.long-poll.request.path: 'x' does not begin with a slash; write \"/x\"",
    ),
    (
        "long-poll.request.method = \"post\"",
        "target.long-poll.request.method: 'post' is not a method",
    ),
    (
        "long-poll.request.headers.a = \"b\"",
        "target.long-poll.request: no path is given; write request = \"GET /…\"",
    ),
    (
        "webhook.register.body = \"b\"",
        "target.webhook.register: no path is given; write register = \"GET /…\"",
    ),
    ("[[target.setup]]\nbody = \"x\"", "dir/x.toml:10: target.setup[0]: no path is given"),
    (
        "long-poll = { request = { path = \"/\", body = \"b\" }, body = \"a\" }",
        "target.long-poll.request.body: is written twice, beside the request and in it; keep one",
    ),
    ("[[target.request]]\nrequest = \"GET /\"\nweight = 0", "target.request: every weight is 0"),
    (
        "long-poll.request = \"GET /a b\"",
        "target.long-poll.request: a path has no spaces; write %20, or {{…|url}}",
    ),
    ("websocket.path = \"/a#b\"", "target.websocket.path: a fragment (#…) is never sent"),
    (
        "headers = { \"a b\" = \"x\" }",
        "target.headers.a b: 'a b' is not the name of a header field",
    ),
    (
        "sse.headers.Content-Length = \"5\"",
        "target.sse.request.headers.Content-Length: it follows from the body",
    ),
    ("headers.a = \"x\\ny\"", "target.headers.a: a header field is one line"),
    // Publishing.
    ("publish.send = \"x\"", "dir/x.toml:10: target.publish.send: has no use with over = \"http\""),
    (
        "publish.over = \"websocket\"\npublish.send = \"x\"",
        "target.publish.request: has no use with over = \"websocket\"",
    ),
    // Steps.
    (
        "sse.steps = [{}]",
        "target.sse.steps[0]: a step is one of request, send and wait, and this is none; write request",
    ),
    (
        "sse.steps = [{ request = \"GET /\", wait = { contains = \"x\" } }]",
        "target.sse.steps[0]: a step is only one of request, send and wait",
    ),
    (
        "sse.steps = [{ send = \"x\" }]",
        "target.sse.steps[0].send: only a WebSocket can send a message",
    ),
    (
        "long-poll = { request = \"GET /\", steps = [{ wait = { contains = \"x\" } }] }",
        "target.long-poll.steps[0].wait: a poll has no stream",
    ),
    (
        "websocket.steps = [{ send = \"x\", before = true }]",
        "target.websocket.steps[0].before: nothing can be sent",
    ),
    (
        "websocket.steps = [{ send = \"x\", capture = { a = \"json:/a\" } }]",
        "target.websocket.steps[0].capture: a message that is sent",
    ),
    (
        "long-poll = { request = \"GET /\", reply = [{ to = \"2\" }] }",
        "target.long-poll.reply[0].request: missing; write request = ",
    ),
    (
        "short-poll = { request = \"GET /\", reply = [{ to = { event = \"x\" }, request = \"GET /\" }] }",
        "target.short-poll.reply[0].to: only server-sent events have names",
    ),
    (
        "websocket.split = { before = 1 }",
        "target.websocket.split.length: missing; write length = \"varint\"",
    ),
    (
        "websocket.split = { length = \"u64\" }",
        "target.websocket.split.length: 'u64' is not one of u8, u16, u32, varint",
    ),
    (
        "websocket.reply = [{ to = { contains = \"x\" } }]",
        "target.websocket.reply[0].send: missing; write send = \"PONG\"",
    ),
    (
        "websocket.every = [{ send = \"x\" }]",
        "target.websocket.every[0].span: missing; write span = \"30s\"",
    ),
    ("webhook.unregister = \"DELETE /\"", "target.webhook.unregister: nothing is registered"),
    (
        "webhook.verify.preset = \"github\"",
        "target.webhook.verify.secret: missing; write secret = \"{{secret:NAME}}\"",
    ),
    ("webhook.listen = \"9400\"", "target.webhook.listen: '9400' is not an address and a port"),
    (
        "webhook.verify.secret = \"x\"",
        "target.webhook.verify: no header is named that carries the signature; write header",
    ),
    // How events are recognised.
    (
        "match = \"ids\"",
        "target.match: \"ids\" needs what names an event in the response to its publication",
    ),
    (
        "match = \"ids\"\npublished_id = \"json:/id\"",
        "target.match: \"ids\" needs what names the event in a delivery",
    ),
    ("match = \"field\"", "target.match: \"field\" needs what names the event in a delivery"),
    ("published_id = \"json:/id\"", "target.published_id: has no use without match = \"ids\""),
    (
        "delivered_id = \"json:/id\"",
        "target.delivered_id: has no use without match = \"ids\" or \"field\"",
    ),
    (
        "match = \"field\"\ndelivered_id = \"json:/id\"\nevents = \"many\"",
        "target.events: \"many\": an id is one value of a message; name the array",
    ),
    ("each = \"items\"", "target.each: 'items' is not a JSON pointer; write \"/items\""),
    // Placeholders and captured values.
    (
        "headers = { a = \"{{clinet}}\" }",
        "dir/x.toml:10: target.headers.a: '{{clinet}}' is neither a placeholder nor a captured value; did you mean {{client}}?",
    ),
    ("headers = { a = \"{{event\" }", "target.headers.a: "),
    (
        "sse.headers.a = \"{{event}}\"",
        "target.sse.request.headers.a: '{{event}}' has no value here; it has one where an event is published: in [target.publish]",
    ),
    ("sse.headers.a = \"{{limit}}\"", "'{{limit}}' has a value in polls only"),
    ("sse.headers.a = \"{{due_ns}}\"", "'{{due_ns}}' has a value in [target.publish] only"),
    (
        "sse.headers.a = \"{{cursor}}\"",
        "'{{cursor}}' has no value here; it has one in a pattern that describes a cursor",
    ),
    (
        "sse.headers.a = \"{{port}}\"",
        "'{{port}}' has no value here; it has one with [[target.launch]]",
    ),
    (
        "unix = \"/run/{{port:admin}}\"",
        "no [[target.launch]] reserves '{{port:admin}}'; write it where its server is given its port",
    ),
    ("sse.headers.a = \"{{port:admin}}\"", "'{{port:admin}}' has no value here; it has one in"),
    ("unix = \"/run/{{port:}}\"", "names no port; write {{port:admin}}"),
    (
        "sse.headers.a = \"{{callback_url}}\"",
        "'{{callback_url}}' has no value here; it has one in [target.webhook]",
    ),
    ("publish.body = \"{{client}}\"", "'{{client}}' has no value here; it has one for a client"),
    (
        "[[target.setup]]\nrequest = \"PUT /{{topic}}\"",
        "dir/x.toml:11: target.setup[0].path: '{{topic}}' has no value here; it has one for a topic",
    ),
    (
        "[[target.setup]]\neach = \"topic\"\nrequest = \"PUT /{{client}}\"",
        "target.setup[0].path: '{{client}}' has no value here",
    ),
    (
        "[[target.setup]]\nrequest = \"PUT /{{id}}\"\ncapture = { id = \"json:/id\" }",
        "target.setup[0].path: '{{id}}' is neither a placeholder nor a captured value",
    ),
    (
        "[[target.setup]]\neach = \"client\"\nrequest = \"PUT /\"\ncapture = { id = \"json:/id\" }\n[[target.setup]]\nrequest = \"PUT /{{id}}\"",
        "target.setup[1].path: '{{id}}' is neither",
    ),
    (
        "sse.steps = [{ request = \"GET /{{id}}\", capture = { id = \"json:/id\" } }]",
        "target.sse.steps[0].request.path: '{{id}}' is neither",
    ),
    (
        "sse.steps = [{ request = \"GET /\", capture = { client = \"json:/id\" } }]",
        "'client' is a placeholder of its own; choose another name",
    ),
    (
        "sse.steps = [{ request = \"GET /\", capture = { \"a b\" = \"json:/id\" } }]",
        "'a b' is not a name; write letters, digits",
    ),
    (
        "websocket.steps = [{ wait = { contains = \"x\" }, capture = { a = \"header:x\" } }]",
        "target.websocket.steps[0].capture.a: 'header:x': a message has no status",
    ),
    (
        "websocket.cursor = \"cookie:x\"",
        "target.websocket.cursor.cursor: 'cookie:x': a message has no status",
    ),
    (
        "sse.steps = [{ request = \"GET /\", each = \"topic\" }]",
        "target.sse.steps[0].each: a client has one topic",
    ),
    (
        "publish.sign = { query = \"s\", header = \"x\", secret = \"k\" }",
        "target.publish.sign.query: the signature is in a header field or in the query",
    ),
    (
        "publish.sign = { query = \"s=\", secret = \"k\" }",
        "target.publish.sign.query: 's=' is not the name of a parameter",
    ),
    (
        "webhook.verify = { query = \"s\", secret = \"k\" }",
        "target.webhook.verify.query: a delivery carries its signature in a header field",
    ),
    (
        "webhook.verify = { header = \"x\", signed = \"{{query}}\", secret = \"k\" }",
        "'{{query}}' is neither a placeholder nor a captured value",
    ),
    (
        "publish.headers.x = \"{{md5:{{body}}}}\"",
        "'{{body}}' is neither a placeholder nor a captured value",
    ),
    ("sse.cursor = \"header:x\"", "target.sse.cursor.cursor: 'header:x': a message has no status"),
    (
        "websocket.ignore = { event = \"x\" }",
        "target.websocket.ignore: only server-sent events have names",
    ),
    ("sse.steps = [{ wait = { contans = \"x\" } }]", "target.sse.steps[0].wait: "),
    (
        "sse.steps = [{ request = \"GET /\", capture = { a = \"jsn:/id\" } }]",
        "target.sse.steps[0].capture.a: ",
    ),
    ("decode = \"rot13:/x\"", "target.decode: "),
    (
        "sse.headers.a = \"{{id}}\"\nsse.steps = [{ request = \"GET /\", capture = { id = \"json:/id\" } }]",
        "target.sse.request.headers.a: '{{id}}' is neither",
    ),
    // Addresses and certificates.
    ("tls.cert = \"../Cargo.toml\"", "target.tls.cert: no file is at dir/../Cargo.toml"),
    ("tls.insecure = true", "target.tls: no URL is https or wss"),
    ("resolve = \"example.org\"", "target.resolve: 'example.org' is not host:port:address"),
    (
        "resolve = \"example.org:80:127.0.0.1\"",
        "target.resolve[0]: no URL names the host 'example.org'; their hosts are 127.0.0.1",
    ),
    ("permission = \" \"", "target.permission: is empty; write who allowed the load, and where"),
    ("dialect = \"nchn\"", "no dialect is called 'nchn'"),
    ("dialect = \"./none.toml\"", "target.dialect: dir/./none.toml: file not found"),
    (
        "http = \"2\"\n[transport]\nhttp = \"2\"",
        "target.http: transport.http is the same key; keep one of the two",
    ),
];

/// Checks that each row is refused as it says.
pub(super) fn hold(rows: &[(&str, &str)]) {
    let mut wrong = Vec::new();
    for (lines, expected) in rows {
        let text = format!("{SERVER}{lines}\n");
        match read(&text, &[]) {
            Ok(_) => wrong.push(format!("{lines}: accepted")),
            Err(error) if !error.contains(expected) => {
                wrong.push(format!("{lines}:\n  {error}\n  lacks: {expected}"));
            }
            Err(_) => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_cannot_be_is_refused_with_its_place_and_the_remedy() {
    hold(ROWS);
}

#[test]
fn captured_values_are_known_after_their_step() {
    for lines in [
        "[[target.setup]]\nrequest = \"PUT /\"\ncapture = { id = \"json:/id\" }\n[[target.setup]]\neach = \"client\"\nrequest = \"PUT /{{id}}/{{client}}/{{topic}}\"\ncapture = { own = \"json:/id\" }\n[[target.teardown]]\neach = \"client\"\nrequest = \"DELETE /{{own}}\"",
        "sse.headers.a = \"{{id}}\"\nsse.steps = [{ request = \"GET /\", before = true, capture = { id = \"json:/id\" } }, { request = \"GET /{{id}}\" }]",
        "websocket = { steps = [{ wait = { contains = \"x\" }, capture = { id = \"json:/id\" } }, { send = \"{{id}} {{seq}}\" }], every = [{ span = \"1s\", send = \"{{id}}\" }], reply = [{ to = { contains = \"y\" }, capture = { b = \"json:/b\" }, send = \"{{b}}{{id}}\" }] }",
        "webhook = { register = { path = \"/{{callback_url|url}}\", capture = { hook = \"json:/id\" } }, unregister = \"DELETE /{{hook}}\", verify = { header = \"x-sign\", secret = \"{{hook}}\", signed = \"{{header:a}}{{body}}\" } }",
        "[[target.request]]\nrequest = \"POST /{{client}}/{{n}}\"\ncapture = { item = \"json:/id\" }\n[[target.request]]\nrequest = \"GET /{{item}}\"",
        "publish.body = \"{{event}}\"\npublish.headers = { x = \"{{body|hex}}\" }\npublish.sign = { query = \"s\", signed = \"{{method}}{{path}}{{query}}{{header:x}}{{body}}\", secret = \"k\" }",
        "[[target.setup]]\nrequest = \"POST /a?d={{md5:{{body}}}}\"\nbody = \"x\"",
        "sse.cursor = { a = { capture = \"event:x|json:/a\", first = \"{{client}}\" }, cursor = \"json:/c\" }\nsse.headers = { x = \"{{a}}{{cursor}}\" }",
        "long-poll = { request = \"GET /?a={{a}}&{{hold_ms}}&{{limit}}\", cursor = { a = { capture = \"json:/a\", first = \"{{client}}\" } } }",
        "unix = \"/run/{{port:b}}\"\n[[target.launch]]\ncommand = \"x {{port:a}} {{port:b}}\"",
        "publish.body = \"{{event}}{{event.text}}{{token}}{{n}}{{due_ns}}{{topic}}{{seq}}{{now:s}}{{random:1-9}}{{secret:X}}\"",
    ] {
        let text = format!("{SERVER}{lines}\n");
        assert!(read(&text, &[]).is_ok(), "{lines}: {}", read(&text, &[]).unwrap_err());
    }
}

//! Signatures of well-known providers, by the examples that they publish, and of other parts.

use proptest::prelude::*;

use super::*;

type Fields = Vec<(&'static str, String)>;

fn scheme(toml: &str) -> Scheme {
    Scheme::of(&toml::from_str(toml).unwrap()).unwrap()
}

fn fields(fields: &[(&'static str, &str)]) -> Fields {
    fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
}

fn no_text(_: &Template, _: &mut Vec<u8>) -> Result<(), RenderError> {
    panic!("nothing is rendered")
}

fn verify(
    scheme: &Scheme,
    secret: &str,
    headers: &dyn Headers,
    body: &[u8],
    now_s: u64,
) -> Result<(), Untrusted> {
    let key = scheme.key(secret.as_bytes()).unwrap();
    scheme.verify(&key, Message::of(headers, body), now_s, &mut no_text)
}

/// The body of the example in the tests of Stripe's own libraries.
const INVOICE: &str = r#"{
  "id": "evt_123",
  "object": "event",
  "account": "acct_123",
  "api_version": "2017-05-25",
  "created": 1533204620,
  "data": {
    "object": {
      "id": "ii_123",
      "object": "invoiceitem",
      "amount": 1000,
      "currency": "usd",
      "customer": "cus_123",
      "date": 1533204620,
      "description": "Test Invoice Item",
      "discountable": false,
      "invoice": "in_123",
      "livemode": false,
      "metadata": {},
      "period": {
        "start": 1533204620,
        "end": 1533204620
      },
      "plan": null,
      "proration": false,
      "quantity": null,
      "subscription": null
    }
  },
  "livemode": false,
  "pending_webhooks": 1,
  "request": {
    "id": "req_123",
    "idempotency_key": "idempotency-key-123"
  },
  "type": "invoiceitem.created"
}
"#;

/// A published example: preset, secret, header fields, body, and when it was sent.
struct Example(&'static str, &'static str, Fields, &'static str, u64);

fn examples() -> Vec<Example> {
    vec![
        // Standard Webhooks 1.0: the reference libraries' tests.
        Example(
            "standard",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            fields(&[
                ("Webhook-Id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
                ("Webhook-Timestamp", "1614265330"),
                ("Webhook-Signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
            ]),
            r#"{"test": 2432232314}"#,
            1_614_265_330,
        ),
        // GitHub: "Validating webhook deliveries", "Testing the webhook payload validation".
        Example(
            "github",
            "It's a Secret to Everybody",
            fields(&[(
                "X-Hub-Signature-256",
                "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
            )]),
            "Hello, World!",
            0,
        ),
        // Stripe: the tests of its library for .NET.
        Example(
            "stripe",
            "webhook_secret",
            fields(&[(
                "Stripe-Signature",
                "t=1533204620,v1=f0bdba6d4eacbd8ad8a3bbadd7248e633ec1477f7899c124c51b39405fa36613,\
                 v0=63f3a72374a733066c4be69ed7f8e5ac85c22c9f0a6a612ab9a025a9e4ee7eef",
            )]),
            INVOICE,
            1_533_204_620,
        ),
        // Slack: "Verifying requests from Slack".
        Example(
            "slack",
            "8f742231b10e8888abcd99yyyzzz85a5",
            fields(&[
                (
                    "X-Slack-Signature",
                    "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
                ),
                ("X-Slack-Request-Timestamp", "1531420618"),
            ]),
            "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&\
             channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&\
             response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F\
             96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c",
            1_531_420_618,
        ),
    ]
}

#[test]
fn published_examples_are_trusted_and_nothing_near_them() {
    for Example(preset, secret, headers, body, now_s) in examples() {
        let scheme = scheme(&format!("preset = \"{preset}\"\nsecret = \"\""));
        let check = |headers: &Fields, body: &str, now_s| {
            verify(&scheme, secret, headers, body.as_bytes(), now_s)
        };
        assert_eq!(check(&headers, body, now_s), Ok(()), "{preset}");
        let other = body.replacen(['e', 'E'], "3", 1);
        assert_eq!(check(&headers, &other, now_s), Err(Untrusted::Wrong), "{preset}");
        let stale = if now_s == 0 { Ok(()) } else { Err(Untrusted::Stale) };
        assert_eq!(check(&headers, body, now_s + 300), Ok(()), "{preset}");
        assert_eq!(check(&headers, body, now_s + 301), stale, "{preset}");
        assert_eq!(
            check(&headers, body, now_s.saturating_sub(301)),
            stale,
            "{preset}: of the future"
        );
        for n in 0..headers.len() {
            let mut without = headers.clone();
            without.remove(n);
            assert_eq!(check(&without, body, now_s), Err(Untrusted::Missing), "{preset}: {n}");
        }
        let stranger = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let strange = verify(&scheme, stranger, &headers, body.as_bytes(), now_s);
        assert_eq!(strange, Err(Untrusted::Wrong), "{preset}: another secret");
    }
}

#[test]
fn one_of_several_signatures_suffices_in_one_field_or_more() {
    for Example(preset, secret, headers, body, now_s) in examples() {
        let scheme = scheme(&format!("preset = \"{preset}\"\nsecret = \"\""));
        let at = headers
            .iter()
            .position(|(name, _)| name.ends_with("ignature") || name.ends_with("256"));
        let at = at.unwrap();
        let right = headers[at].1.clone();
        let (separator, wrong) = match preset {
            "standard" => (" ", "v1,AAAA v2,xyz"),
            "stripe" => (",", "v1=00,v3=zz"),
            "github" => (", ", "sha256=00"),
            _ => (",", "v0=ab"),
        };
        for several in [format!("{right}{separator}{wrong}"), format!("{wrong}{separator}{right}")]
        {
            let mut headers = headers.clone();
            headers[at].1 = several.clone();
            let checked = verify(&scheme, secret, &headers, body.as_bytes(), now_s);
            assert_eq!(checked, Ok(()), "{several}");
        }
        let mut twice = headers.clone();
        twice.insert(at, (headers[at].0, wrong.to_owned()));
        assert_eq!(verify(&scheme, secret, &twice, body.as_bytes(), now_s), Ok(()), "{preset}");
        let mut only = headers.clone();
        // A signature under another label is none of ours.
        only[at].1 = right.replace("v1", "v9").replace("v0=", "v8=").replace("sha256", "sha512");
        let checked = verify(&scheme, secret, &only, body.as_bytes(), now_s);
        assert_eq!(checked, Err(Untrusted::Wrong), "{preset}");
    }
}

#[test]
fn parts_replace_those_of_a_preset_or_stand_alone() {
    let sha1 = "01dc10d0c83e72ed246219cdd91669667fe2ca59";
    for (toml, header, value, expected) in [
        ("header = \"X-Sign\"\nhash = \"sha1\"", "x-sign", sha1.to_owned(), Ok(())),
        ("header = \"X-Sign\"\nhash = \"sha1\"", "x-sign", sha1.to_uppercase(), Ok(())),
        (
            "header = \"X-Sign\"\nhash = \"sha1\"",
            "x-other",
            sha1.to_owned(),
            Err(Untrusted::Missing),
        ),
        (
            "preset = \"github\"\nheader = \"X-Hub-Signature\"\nhash = \"sha1\"\nprefix = \"sha1=\"",
            "x-hub-signature",
            format!("sha1={sha1}"),
            Ok(()),
        ),
        (
            "header = \"x\"\nhash = \"sha1\"\nencoding = \"base64\"",
            "x",
            "AdwQ0Mg+cu0kYhnN2RZpZn/iylk=".to_owned(),
            Ok(()),
        ),
        // A signature of another length is wrong, not a reason to stop.
        ("header = \"x\"", "x", sha1.to_owned(), Err(Untrusted::Wrong)),
        ("header = \"x\"\nhash = \"sha1\"", "x", "no hex".to_owned(), Err(Untrusted::Wrong)),
    ] {
        let scheme = scheme(&format!("{toml}\nsecret = \"\""));
        let headers: Fields = vec![(header, value)];
        let checked = verify(&scheme, "It's a Secret to Everybody", &headers, b"Hello, World!", 9);
        assert_eq!(checked, expected, "{toml}");
    }
    let error = Scheme::of(&toml::from_str("secret = \"x\"").unwrap()).unwrap_err();
    assert!(error.to_string().contains("header = "), "{error}");
}

#[test]
fn another_time_stamp_has_its_own_tolerance() {
    // As a relative of Standard Webhooks with header fields of its own.
    let relative = scheme(
        "preset = \"standard\"\nheader = \"svix-signature\"\nsecret = \"\"\n\
         signed = \"{{header_svix-id}}.{{header_svix-timestamp}}.{{body}}\"\n\
         timestamp = \"svix-timestamp\"\ntolerance = \"10s\"",
    );
    let headers = fields(&[
        ("svix-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ("svix-timestamp", "1614265330"),
        ("svix-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
    ]);
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let at = |now_s| verify(&relative, secret, &headers, br#"{"test": 2432232314}"#, now_s);
    assert_eq!(at(1_614_265_340), Ok(()));
    assert_eq!(at(1_614_265_341), Err(Untrusted::Stale));
}

#[test]
fn texts_beside_the_body_are_rendered_and_arguments_left_whole() {
    let scheme = scheme(
        "header = \"x\"\nsecret = \"\"\nsigned = '{{callback_url}}{{{{{{ body }}{{sha256:{{body}}}}}'",
    );
    let mut texts = Vec::new();
    let key = scheme.key(b"k").unwrap();
    let none: Fields = Vec::new();
    let message = Message::of(&none, b"\xff");
    let value = scheme.sign(&key, message, 0, &mut |text, out| {
        texts.push(text.source().to_owned());
        out.extend_from_slice(b"u");
        Ok(())
    });
    assert_eq!(texts, ["{{callback_url}}{{{{", "{{sha256:{{body}}}}}"]);
    // HMAC-SHA256 of "u", the byte 0xff and "u" with the key "k".
    let mut expected = key.begin();
    expected.update(b"u\xffu");
    let mut hex = Vec::new();
    encoding::hex(&expected.finish(), &mut hex);
    assert_eq!(value, Some(String::from_utf8(hex).unwrap()));
}

#[test]
fn a_secret_that_cannot_be_a_key_is_none() {
    let standard = scheme("preset = \"standard\"\nsecret = \"\"");
    for (secret, usable) in
        [("whsec_AAAA", true), ("AAAA", true), ("whsec_", false), ("whsec_!", false)]
    {
        assert_eq!(standard.key(secret.as_bytes()).is_some(), usable, "{secret}");
    }
    assert!(scheme("preset = \"github\"\nsecret = \"\"").key(b"").is_none());
}

/// The worked examples of two APIs whose requests are signed in the query.
#[test]
fn a_request_line_is_signed_as_others_sign_it() {
    let pusher = Line {
        method: "POST",
        path: "/apps/3/events",
        query: "auth_key=278d425bdf160c739803&auth_timestamp=1353088179&auth_version=1.0&body_md5=ec365a775a4cd0599faeb73354201b6f",
    };
    let binance = Line {
        method: "POST",
        path: "/api/v3/order",
        query: "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559",
    };
    for (line, signed, secret, expected) in [
        (
            pusher,
            r"{{method}}\n{{path}}\n{{query}}",
            "7ad3773142a6692b25b8",
            "da454824c97ba181a32ccc17a72625ba02771f50b50e1e7430e47a1f3f457e6c",
        ),
        (
            binance,
            "{{query}}",
            "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j",
            "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71",
        ),
    ] {
        let scheme = scheme(&format!("query = \"s\"\nsigned = \"{signed}\"\nsecret = \"\""));
        assert_eq!((scheme.header(), scheme.query()), ("", Some("s")));
        let key = scheme.key(secret.as_bytes()).unwrap();
        let none: Fields = Vec::new();
        let message = Message { line, ..Message::of(&none, b"{}") };
        assert_eq!(scheme.sign(&key, message, 0, &mut no_text).as_deref(), Some(expected));
    }
}

proptest! {
    #[test]
    fn what_another_makers_library_signs_is_trusted_and_what_we_sign_it_trusts(
        secret in proptest::collection::vec(any::<u8>(), 24..=64), id in "[a-zA-Z0-9_-]{1,40}",
        now in 0..1u64 << 40, body in ".{0,100}",
    ) {
        let theirs = standardwebhooks::Webhook::from_bytes(secret.clone()).unwrap();
        let signature = theirs.sign(&id, now as i64, body.as_bytes()).unwrap();
        let ours = scheme("preset = \"standard\"\nsecret = \"\"");
        let mut written = Vec::new();
        encoding::base64(&secret, &mut written);
        let key = ours.key(&written).unwrap();
        let none: Fields = Vec::new();
        let mut headers = ours.prepare(&none, &id, now);
        let message = Message::of(&headers, body.as_bytes());
        let name = ours.header();
            let value = ours.sign(&key, message, now, &mut no_text).unwrap();
        prop_assert_eq!(&value, &signature);
        headers.push((name.to_owned(), value));
        let check = |body: &str| {
            ours.verify(&key, Message::of(&headers, body.as_bytes()), now, &mut no_text)
        };
        prop_assert_eq!(check(&body), Ok(()));
        prop_assert_eq!(check(&format!("{body}.")), Err(Untrusted::Wrong));
    }

    #[test]
    fn what_any_preset_signs_it_trusts(
        preset in prop::sample::select(vec!["standard", "github", "stripe", "slack"]),
        secret in "[a-zA-Z0-9]{32}", now in 0..1u64 << 40, body: Vec<u8>,
    ) {
        let scheme = scheme(&format!("preset = \"{preset}\"\nsecret = \"\""));
        let key = scheme.key(secret.as_bytes()).unwrap();
        let none: Fields = Vec::new();
        let mut headers = scheme.prepare(&none, "id", now);
        let message = Message::of(&headers, &body);
        let name = scheme.header();
        let value = scheme.sign(&key, message, now, &mut no_text).unwrap();
        headers.push((name.to_owned(), value));
        let message = Message::of(&headers, &body);
        prop_assert_eq!(scheme.verify(&key, message, now, &mut no_text), Ok(()));
    }

    #[test]
    fn any_headers_are_refused_without_a_panic(
        preset in prop::sample::select(vec!["standard", "github", "stripe", "slack"]),
        id in "[ -~]{0,30}", stamp in "[ -~]{0,30}", signature in "[ -~]{0,80}", body: Vec<u8>,
    ) {
        let scheme = scheme(&format!("preset = \"{preset}\"\nsecret = \"\""));
        let headers = vec![
            ("webhook-id", id), ("webhook-timestamp", stamp.clone()), ("x-slack-request-timestamp", stamp),
            ("webhook-signature", signature.clone()), ("x-hub-signature-256", signature.clone()),
            ("stripe-signature", signature.clone()), ("x-slack-signature", signature),
        ];
        prop_assert!(verify(&scheme, "whsec_AAAA", &headers, &body, 1_700_000_000).is_err());
    }
}

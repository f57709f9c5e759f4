//! What is refused, and what the messages say.

use super::*;

fn refused(text: &str) -> String {
    Template::parse(text).expect_err(text).to_string()
}

#[test]
fn what_is_no_text_is_refused_with_its_place_and_a_remedy() {
    for (text, expected) in [
        ("abc {{n", "column 5, '{{n': is not closed: '}}' is missing"),
        ("{{", "is not closed"),
        ("{{n}", "'{{n': is not a placeholder"),
        (
            "a\nbc{{n|jsn}}",
            "line 2, column 3, '{{n|jsn}}': 'jsn' is not a filter; did you mean 'json'?",
        ),
        ("é{{n|x}}", "column 2, '{{n|x}}': 'x' is not a filter; known are json, "),
        ("{{}}", "a placeholder without a name. A literal '{{' is written '{{{{'"),
        ("{{:x}}", "a placeholder without a name"),
        ("{{n:5}}", "n takes no argument; write {{n}}"),
        ("{{md5}}", "'{{md5}}': md5 needs an argument; write {{md5:…}}"),
        ("{{now}}", "now needs an argument; write {{now:s}}"),
        (
            "{{now:sec}}",
            "column 1, '{{now:sec}}': 'sec' is not a unit of the clock; known are s, ms, us, ns, rfc3339",
        ),
        ("{{now:{{n}}}}", "takes no placeholder as its argument"),
        ("{{random:5}}", "wants two whole numbers; write {{random:1-100}}"),
        ("{{random:9-1}}", "9 is more than 1; write {{random:1-9}}"),
        ("{{sha265:x}}", "'sha265' is not known with an argument; did you mean 'sha256'?"),
        ("{{foo:x}}", "'foo' is not known with an argument; known are now, random, file"),
        (
            "{{event.id}}",
            "the payload has no '.id'; write {{event}} for its JSON or {{event.text}}",
        ),
        ("{{9n}}", "'9n' is not a name"),
        ("{{a.b}}", "'a.b' is not a name"),
        ("{{callback url}}", "did you mean 'callback_url'?"),
        (
            "{{\"a\":1}}",
            "is not a placeholder such as {{client}}. A literal '{{' is written '{{{{'",
        ),
        ("{{bytes:1}}", "wants two hexadecimal digits per byte; write {{bytes:10 0c 00 04}}"),
        ("{{bytes:zz}}", "wants two hexadecimal digits per byte"),
        ("{{secret:MY-KEY}}", "'MY-KEY' does not name a variable of the environment"),
        ("{{file:}}", "wants a file, and one of its columns; write {{file:users.csv:token}}"),
        ("{{file:a.csv:}}", "wants a file, and one of its columns"),
        ("{{hmac-sha256:key}}", "the ':' behind the key is missing"),
        ("{{hmac-sha256:key", "the ':' behind the key is missing"),
        (
            "{{md5:a}b}}",
            "a '}' without its '{'; two close a placeholder. A literal '|', '{', '}' or ':'",
        ),
        ("{{md5:{a}}", "a '}' without its '{'; two close a placeholder"),
        ("{{md5:{a", "a '{' in its argument lacks its '}'"),
        ("{{text:a|b}}", "'b' is not a filter; known are"),
        ("{{n|raw}}", "|raw stands directly behind a digest only"),
        ("{{text:zz|hex-decode}}", "|hex-decode: the text is not valid hexadecimal"),
        ("{{text:*|base64-decode}}", "|base64-decode: the text is not valid base64"),
    ] {
        let message = refused(text);
        assert!(message.contains(expected), "{text}: {message}");
    }
    let long = format!("{{{{u8:{}}}}}", "x".repeat(256));
    assert!(refused(&long).contains("{{u8:…}} holds 256 bytes, and its prefix counts at most 255"));
    let deep = "{{md5:".repeat(40);
    assert!(refused(&deep).contains("more than 16 texts within each other"));
}

#[test]
fn files_are_refused_with_suggestions() {
    struct Folder;
    impl FileSource for Folder {
        fn read(&mut self, name: &str) -> Result<Vec<u8>, String> {
            users(name)
        }

        fn beside(&mut self, _name: &str) -> Vec<String> {
            vec!["users.csv".to_owned(), "plain.txt".to_owned()]
        }
    }
    for (text, expected) in [
        (
            "a {{file:user.csv:x}}",
            "column 3, '{{file:user.csv:x}}': the file 'user.csv' cannot be read: no such file; did you mean 'users.csv'?",
        ),
        (
            "{{md5:{{file:users.csv:tokn}}}}",
            "the file 'users.csv' has no column 'tokn'; did you mean 'token'?",
        ),
        ("{{file:users.csv:zzz}}", "has no column 'zzz'; known are name, token"),
        ("{{file:users.csv:0}}", "columns are counted from 1"),
        (
            "{{file:users.csv:3}}",
            "line 1 of the file 'users.csv' has only 2 columns, and '3' is number 3",
        ),
        ("{{file:ragged.csv:b}}", "line 3 of the file 'ragged.csv' has only 1 columns"),
        ("{{file:empty.csv:a}}", "the file 'empty.csv' has no rows"),
        ("{{file:binary}}", "the file 'binary' is not UTF-8 at byte 1"),
    ] {
        let mut template = Template::parse(text).unwrap();
        let message = template.load(&mut Files::new(&mut Folder)).expect_err(text).to_string();
        assert!(message.contains(expected), "{text}: {message}");
        let unread = template.render(&mut scope(&mut Example), &mut Vec::new()).unwrap_err();
        assert!(unread.to_string().contains("the file was not read"), "{unread}");
    }
}

#[test]
fn a_value_that_is_missing_is_named_and_leaves_the_output_as_it_was() {
    let mut out = b"kept".to_vec();
    for (text, expected) in [
        ("a{{cursor}}", "{{cursor}} has no value here"),
        ("a{{event.text}}", "{{event.text}} has no value here"),
        ("a{{md5:{{client}}}}", "{{client}} has no value here"),
        ("a{{nothing}}", "{{nothing}} has no value: nothing was captured under this name"),
        ("a{{secret:NONE}}", "the environment variable NONE is not set. Set it before the run"),
        ("a{{u8:{{long}}}}", "{{u8:…}} holds 300 bytes, and its prefix counts at most 255"),
        ("a{{long|hex-decode}}", "|hex-decode: the text is not valid hexadecimal"),
    ] {
        struct Long(String);
        impl World for Long {
            fn unix_ns(&mut self) -> u64 {
                0
            }
            fn random(&mut self, least: u64, _most: u64) -> u64 {
                least
            }
            fn capture(&self, name: &str) -> Option<&str> {
                (name == "long").then_some(&self.0)
            }
            fn secret(&self, _name: &str) -> Option<&str> {
                None
            }
        }
        let mut world = Long("x".repeat(300));
        let mut scope = Scope::new(&mut world);
        let error = Template::parse(text).unwrap().render(&mut scope, &mut out).unwrap_err();
        assert!(error.to_string().contains(expected), "{text}: {error}");
        assert_eq!(out, b"kept");
    }
}

#[test]
fn an_unknown_name_is_told_with_what_was_meant() {
    for (name, captured, expected) in [
        (
            "clinet",
            &[][..],
            "'{{clinet}}' is neither a placeholder nor a captured value; did you mean {{client}}?",
        ),
        ("logn", &["login"], "did you mean {{login}}?"),
        ("randon", &[], "did you mean {{random:1-100}}?"),
        ("zzz", &["login", "id"], "captured before are login, id"),
        ("zzz", &[], "nothing is captured before"),
    ] {
        let message = unknown_capture(name, captured);
        assert!(message.ends_with(expected), "{message}");
    }
}

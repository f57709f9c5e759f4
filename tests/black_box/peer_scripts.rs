//! The scripts of `benches/peers`, as far as they need no peers: their intervals, what they read out of the output of others, and
//! that tidings accepts every scenario that they write.

use std::process::Command;

use crate::external_support::{Program, are_here, root};
use crate::support::text;

#[test]
fn the_scripts_pass_their_own_tests() {
    let python = Program { variable: "", name: "python3" };
    if !are_here("the scripts of benches/peers", &[python]) {
        return;
    }
    let output = Command::new("python3")
        .args(["-B", "-m", "unittest", "discover", "-s", "benches/peers"])
        .current_dir(root())
        .env("TIDINGS", env!("CARGO_BIN_EXE_tidings"))
        .output()
        .unwrap();
    let printed = text(&output.stderr);
    assert!(output.status.success(), "{printed}{}", text(&output.stdout));
    let last = printed.lines().last().unwrap_or_default();
    assert_eq!(last, "OK", "none failed and none was skipped: {printed}");
}

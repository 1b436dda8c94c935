//! The operator's commands for the audit log.

use std::fs;

use crate::console::{Home, console_command};

fn rotate(home: &Home) -> (Option<i32>, String) {
    let output = console_command().args(["audit", "rotate", "--home"]).arg(&home.path).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap())
}

#[test]
fn segments_are_begun_beside_a_running_console_and_without_one() {
    let home = Home::new();
    let (code, said) = rotate(&home);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("no console's home") && !home.path.exists(), "{said}");

    let console = home.serve();
    assert_eq!(console.provision("acme", "solo").status, 200);
    let (code, said) = rotate(&home);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("00000002.jsonl"), "{said}");
    assert_eq!(console.upgrade("acme", "team").status, 200);
    assert_eq!(console.stop().0, Some(0));

    let (code, said) = rotate(&home);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("00000003.jsonl"), "{said}");
    let console = home.serve();
    assert_eq!(console.decommission("acme").status, 200);
    assert_eq!(console.stop().0, Some(0));
    assert_eq!(
        home.story(),
        [
            "hearth.provisioning_started",
            "hearth.provisioned succeeded",
            "hearth.upgrade_started",
            "hearth.upgraded succeeded",
            "hearth.decommission_started",
            "hearth.decommissioned succeeded",
        ]
    );
    for (segment, kind) in
        [("00000001", "hearth.provisioned"), ("00000002", "hearth.upgraded"), ("00000003", "hearth.decommissioned")]
    {
        let text = fs::read_to_string(home.hatch().join(segment).with_extension("jsonl")).unwrap();
        assert!(text.starts_with("{\"specversion\"") && text.contains(kind), "{segment}: {text}");
    }
}

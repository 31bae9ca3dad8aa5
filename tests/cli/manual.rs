//! The manual page names every command that there is.

use super::{run, text};

#[test]
fn the_manual_page_names_every_command() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/debian/tidings.1");
    let page = std::fs::read_to_string(page).unwrap().replace('\\', "");
    let named: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix(".B"))
        .flat_map(|line| line.trim_start_matches('R').split([' ', ',']))
        .collect();
    let help = text(&run(&["--help"]).stdout);
    let commands = help.split_once("Commands:").unwrap().1;
    let commands: Vec<&str> = commands
        .lines()
        .skip(1)
        .take_while(|line| !line.is_empty())
        // What is explained in two lines goes on further right.
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|command| !command.is_empty() && *command != "help")
        .collect();
    assert!(commands.len() > 15, "{help}");
    for command in commands {
        assert!(named.contains(&command), "{command}: {named:?}");
    }
}

//! `kill -9` of the running program, over and over, while people talk on every rung.

use std::collections::BTreeMap;

use zas_client::engine::Rung;
use zas_protocol::RoomId;

use crate::audit;
use crate::people::{LADDER, NO_LIMITS, Person, sign_in};
use crate::support::process::{PASSWORD, Setup, make_account};

/// One who is on the ladder, and one for each rung alone.
const PEOPLE: [(&str, &[Rung]); 4] =
    [("ada", &LADDER), ("bob", &[Rung::Socket]), ("eva", &[Rung::Stream]), ("leo", &[Rung::Poll])];

/// The next number of a xorshift generator: when to kill.
pub(crate) fn draw(state: &mut u64, below: u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state % below
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acked_survives_kills_once_and_in_order_on_every_rung() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    for (name, _) in PEOPLE {
        make_account(&data, name);
    }
    let setup = Setup::new(&data).arguments(&["--limit", NO_LIMITS, "--log", "info,zas_server=trace"]);
    let mut server = setup.start().await;
    let mut people = Vec::new();
    for (name, rungs) in PEOPLE {
        let tokens = sign_in(&server.url, name).await;
        people.push(Person::connect(&server.url, name, tokens, rungs).await);
    }
    let group = people.iter().skip(1).map(Person::id).collect();
    let group = people[0].client.create_group("todos", group).await.unwrap();
    let pair = people[0].client.open_private(people[1].id()).await.unwrap();
    for person in &mut people {
        let rooms: Vec<RoomId> = match person.name {
            "ada" | "bob" => vec![group, pair],
            _ => vec![group],
        };
        person.talk(rooms);
    }

    let kills = zas_tally::amount(12);
    let mut chance = zas_tally::seed(7).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for _ in 0..kills {
        // One of them at least has got through since the last one, so that each rung has its turn.
        let somebody = usize::try_from(draw(&mut chance, people.len() as u64)).unwrap();
        people[somebody].acked.wait_for(1 + draw(&mut chance, 20)).await;
        server.kill();
        server = setup.start().await;
    }
    let secrets: BTreeMap<&str, String> = people
        .iter()
        .map(|person| (person.name, person.tokens.access.clone()))
        .chain(people.iter().filter_map(|person| Some(("a refresh token", person.tokens.refresh.clone()?))))
        .chain([("a password", PASSWORD.to_owned())])
        .collect();
    let messages =
        audit::whole(people, &[(group, &["ada", "bob", "eva", "leo"]), (pair, &["ada", "bob"])]).await;
    assert_eq!(server.stop().await, Some(0));
    audit::is_discreet(&setup.log(), &secrets);
    zas_tally::tried("P1", "kills of the program while people talk on every rung", kills);
    zas_tally::tried("P2", "messages sent through kills, each there once", messages);
}

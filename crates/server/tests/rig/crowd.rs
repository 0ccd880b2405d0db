/// Whoever was connected hears what is said once the server is back.
async fn hears(happenings: &mut tokio::sync::mpsc::Receiver<Happening>, wanted: &str) -> usize {
    let mut times = 0;
    while times == 0 {
        if let Happening::Event(Event { body: EventBody::Message { text, .. }, .. }) =
            happenings.recv().await.expect("it goes on")
        {
            times += usize::from(text == wanted);
        }
    }
    times
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everyone_who_comes_back_at_once_is_caught_up_within_thirty_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let limits = format!("{NO_LIMITS},connections_per_user=10000,anonymous_sockets_per_address=64");
    let setup = Setup::new(&folder.path().join("data")).arguments(&["--limit", &limits]);
    let server = setup.start().await;
    let mut tokens = Vec::new();
    for name in ["ada", "bob", "eva", "leo"] {
        tokens.push(register(&server.url, name).await);
    }
    let ada = Client::with_tokens(&server.url, &tokens[0], Options::default()).await.unwrap();
    let members = tokens[1..].iter().map(|tokens| tokens.me.user.id).collect();
    let room = ada.create_group("todos", members).await.unwrap();
    let count = zas_tally::amount(200).min(2_000);
    let mut crowd = Vec::new();
    for n in 0..count {
        let tokens = &tokens[usize::try_from(n).unwrap() % tokens.len()];
        let client = Client::with_tokens(&server.url, tokens, Options::default()).await.unwrap();
        crowd.push((client.happenings().await.unwrap(), client));
    }
    ada.send(room, "antes").await.unwrap().await.unwrap();
    for (happenings, _) in &mut crowd {
        timeout(SETTLED, hears(happenings, "antes")).await.expect("all are connected");
    }
    server.kill();
    let after = ada.send(room, "después").await.unwrap();
    let server = setup.start().await;
    let back = async {
        after.await.unwrap();
        for (happenings, _) in &mut crowd {
            assert_eq!(hears(happenings, "después").await, 1);
        }
    };
    timeout(Duration::from_secs(30), back).await.expect("all are caught up within 30 s");
    assert_eq!(server.stop().await, Some(0));
    zas_tally::tried("P17", "clients back at once after a restart, caught up within 30 s", count);
}

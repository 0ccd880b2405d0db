//! What an administrator orders a running server, over the listener of the metrics.

use std::net::SocketAddr;

use serde_json::json;
use zas_server::admin::Order;
use zas_server::serve;

use crate::support::{Person, Server, Socket};
use crate::{PASSWORD, is_let_in, next_device, register, sign_in};

/// The operation listener of a server, with what it is asked by.
struct Operation {
    http: reqwest::Client,
    address: SocketAddr,
}

impl Operation {
    async fn of(server: &Server) -> Self {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = serve::operation(server.app.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { http: reqwest::Client::new(), address }
    }

    async fn order(&self, key: &str, order: &Order) -> (u16, String) {
        let request = self.http.post(format!("http://{}/admin", self.address)).bearer_auth(key).json(order);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

fn create(username: &str, admin: bool) -> Order {
    Order::CreateUser {
        username: username.to_owned(),
        email: format!("{username}@example.org"),
        display_name: String::new(),
        password: PASSWORD.to_owned(),
        admin,
    }
}

#[tokio::test]
async fn orders_take_the_key_of_this_server_and_nothing_else() {
    let server = Server::start().await;
    let operation = Operation::of(&server).await;
    let key = server.keys.admin.to_base64();
    assert_eq!(operation.order(&key, &create("jefa", true)).await.0, 200);
    let admin = next_device(&server, "jefa", PASSWORD).await;
    assert!(admin.me.admin);
    let keys = [
        String::new(),
        admin.access.clone(),
        admin.refresh.clone().unwrap(),
        server.keys.access.to_base64(),
        server.keys.refresh.to_base64(),
        server.keys.files.to_base64(),
        key[1..].to_owned(),
        format!("{key}="),
        key.to_lowercase(),
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned(),
    ];
    for wrong in keys {
        let order = Order::Disable { user: "jefa".to_owned() };
        assert_eq!(operation.order(&wrong, &order).await.0, 401, "{wrong}");
        assert_eq!(operation.order(&wrong, &Order::ListUsers).await.0, 401, "{wrong}");
    }
    let url = format!("http://{}/admin", operation.address);
    let unsigned = operation.http.post(&url).json(&Order::ListUsers).send().await.unwrap();
    assert_eq!(unsigned.status(), 401);
    assert_eq!(operation.http.get(&url).bearer_auth(&key).send().await.unwrap().status(), 405);
    let unknown = operation.http.post(&url).bearer_auth(&key).json(&json!({"order": "drop_everything"}));
    assert_eq!(unknown.send().await.unwrap().status(), 400);
    assert!(is_let_in(&server, &admin.access).await, "no order was carried out");
}

#[tokio::test]
async fn an_account_is_made_disabled_enabled_signed_out_and_made_administrator_by_order() {
    let server = Server::start().await;
    let operation = Operation::of(&server).await;
    let key = server.keys.admin.to_base64();
    let order = async |order: Order| operation.order(&key, &order).await;
    assert_eq!(order(create("ana", false)).await, (200, "ana can sign in now.".to_owned()));
    let (status, said) = order(create("ana", false)).await;
    assert_eq!(status, 400, "{said}");
    let ana = "Ana@Example.org".to_owned();

    let tokens = next_device(&server, "ana", PASSWORD).await;
    let mut socket = Socket::live(&server.url(""), &tokens.access).await;
    assert_eq!(order(Order::Disable { user: ana.clone() }).await.0, 200);
    assert_eq!(socket.until_closed().await, Some(4501));
    assert!(!is_let_in(&server, &tokens.access).await);
    assert_eq!(sign_in(&server, "ana", PASSWORD).await.1["code"], "bad_credentials");
    assert!(order(Order::ListUsers).await.1.contains("disabled"));
    assert_eq!(order(Order::Enable { user: ana.clone() }).await.0, 200);
    assert!(!is_let_in(&server, &tokens.access).await, "what was signed out stays so");

    let (one, other) =
        (next_device(&server, "ana", PASSWORD).await, next_device(&server, "ana", PASSWORD).await);
    let (_, said) = order(Order::SignOut { user: "@ana".to_owned() }).await;
    assert_eq!(said, "ana: devices signed out: 2.");
    assert!(!is_let_in(&server, &one.access).await && !is_let_in(&server, &other.access).await);

    assert_eq!(order(Order::MakeAdmin { user: ana }).await.0, 200);
    assert!(next_device(&server, "ana", PASSWORD).await.me.admin);
    assert!(order(Order::ListUsers).await.1.contains("admin"));
    assert_eq!(order(Order::ReportDatabase).await.0, 200);
    for order in [
        Order::Disable { user: "nadie".to_owned() },
        Order::Enable { user: "nadie".to_owned() },
        Order::SignOut { user: "nadie".to_owned() },
        Order::MakeAdmin { user: "nadie".to_owned() },
    ] {
        let (status, said) = operation.order(&key, &order).await;
        assert_eq!((status, said.contains("there is no user")), (400, true), "{said}");
    }
}

#[tokio::test]
async fn who_administers_the_server_reads_no_room_of_others() {
    let server = Server::start().await;
    let admin = register(&server, "jefa").await;
    assert!(server.app.store.set_admin(admin.me.user.id, true).await.unwrap());
    let admin = Person { id: admin.me.user.id, token: admin.access };
    let (ana, luis) = (server.person("ana").await, server.person("luis").await);
    let room = server.private_room(&ana, &luis).await;
    for path in
        [format!("/v1/rooms/{room}"), format!("/v1/rooms/{room}/events"), format!("/v1/rooms/{}", ana.id)]
    {
        assert_eq!(server.get(&admin, &path).await.0, 404, "{path}");
    }
    let send = json!({"type": "send", "txn_id": "a", "room": room, "text": "hola"});
    assert_eq!(server.post(&admin, "/v1/commands", send).await.0, 404);
}

//! The demo's people and what they have said to each other.

use zas_protocol::{Command, Micros, Position, RoomId, TxnId, UserId};
use zas_store::{CreateUserError, NewUser, PasswordHash};

use crate::app::App;
use crate::clock;
use crate::error::ApiError;

/// Username, display name, bio.
pub(super) const PEOPLE: [(&str, &str, &str); 3] = [
    ("ana", "Ana Ruiz", "Fotógrafa. Café, luz y paciencia."),
    ("luis", "Luis Ortega", "Cocino los domingos."),
    ("marta", "Marta Gil", "Entre trenes."),
];

const MINUTE: Micros = 60 * 1_000_000;

/// Who speaks (index into [`PEOPLE`]), minutes before now, what.
const PRIVATE: [(usize, Micros, &str); 12] = [
    (0, 1_522, "¿Has visto la luz de esta tarde? Parece septiembre"),
    (1, 1_519, "Desde la ventana de la cocina. Se me ha quemado el sofrito por mirarla 😅"),
    (0, 1_518, "Valió la pena entonces"),
    (1, 1_517, "El sofrito no opina lo mismo"),
    (0, 74, "Oye, ¿mañana sigue en pie lo del mercado?"),
    (1, 71, "Sí, a las diez en la puerta de siempre"),
    (1, 71, "Llevo yo las bolsas"),
    (0, 70, "Y yo la lista, que luego volvemos con tres melones y ningún tomate"),
    (1, 69, "🍉🍉🍉"),
    (0, 12, "Por cierto, Marta llega en el tren de las 9:40"),
    (1, 11, "Perfecto, la recogemos y desayunamos los tres"),
    (0, 10, "Hecho. Te escribo cuando salga de casa"),
];

const GROUP: [(usize, Micros, &str); 5] = [
    (2, 181, "¡Hola! Ya tengo billete 🚆"),
    (0, 178, "¡Por fin! Te guardamos sitio en la mesa"),
    (1, 176, "¿Alguna cosa que no comas?"),
    (2, 175, "Como de todo menos despacio"),
    (0, 44, "Qué ganas de veros"),
];

/// Makes the people, their private room and their group, unless they are there already.
///
/// # Errors
/// What the store or a command answered.
pub async fn prepare(app: &App) -> Result<(), ApiError> {
    let now = clock::now();
    if app.store.user_by_login(PEOPLE[0].0).await?.is_some() {
        return Ok(());
    }
    let mut ids = Vec::new();
    for (username, display_name, bio) in PEOPLE {
        let id = UserId::mint(now, clock::random());
        let user = NewUser {
            id,
            username: username.to_owned(),
            skeleton: zas_core::shape::skeleton(username),
            email: format!("{username}@demo.invalid"),
            display_name: display_name.to_owned(),
            // No password opens it: this is no hash.
            password_hash: PasswordHash("!".to_owned()),
            admin: false,
            at: now - 2_000 * MINUTE,
        };
        match app.store.create_user(user).await {
            Ok(_) => ids.push(id),
            Err(CreateUserError::Store(error)) => return Err(error.into()),
            Err(taken) => return Err(ApiError::internal(format!("{username}: {taken}"))),
        }
        let profile = zas_protocol::ProfileChange { bio: Some(bio.to_owned()), ..Default::default() };
        say(app, id, now - 2_000 * MINUTE, |txn_id| Command::SetProfile { txn_id, profile }).await?;
    }
    let (ana, luis, marta) = (ids[0], ids[1], ids[2]);
    let opened =
        say(app, ana, now - 1_530 * MINUTE, |txn_id| Command::OpenPrivate { txn_id, user: luis }).await?;
    talk(app, &ids, opened, &PRIVATE, now).await?;
    let name = "Fin de semana".to_owned();
    let group = say(app, ana, now - 200 * MINUTE, |txn_id| Command::CreateGroup {
        txn_id,
        name,
        members: vec![luis, marta],
        profile: None,
    })
    .await?;
    talk(app, &ids, group, &GROUP, now).await
}

async fn talk(
    app: &App,
    ids: &[UserId],
    room: RoomId,
    lines: &[(usize, Micros, &str)],
    now: Micros,
) -> Result<(), ApiError> {
    for &(who, before, text) in lines {
        say(app, ids[who], now - before * MINUTE, |txn_id| {
            Command::text(txn_id, room, None, text.to_owned())
        })
        .await?;
    }
    let head = lines.len() as u64 + 1;
    let last = now - lines.last().map_or(0, |line| line.1) * MINUTE;
    let positions = ids
        .iter()
        .map(|&user| {
            let read_at = last + MINUTE / 2;
            (room, Position { user, delivered: head, read: head, delivered_at: last, read_at })
        })
        .collect::<Vec<_>>();
    Ok(app.store.put_positions(positions).await?)
}

/// Commits one command as if it had been given at `at`; returns the room it is in.
async fn say(
    app: &App,
    user: UserId,
    at: Micros,
    command: impl FnOnce(TxnId) -> Command,
) -> Result<RoomId, ApiError> {
    let command = command(TxnId::mint(at, clock::random()));
    let submission = zas_core::ledger::Submission { user, command };
    let mut results = app.store.commit(vec![submission], at).await?;
    match results.pop() {
        Some(Ok(decided)) => Ok(decided.ack.room),
        Some(Err(refusal)) => Err(refusal.code.into()),
        None => Err(ApiError::internal("a commit without a result")),
    }
}

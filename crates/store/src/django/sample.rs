//! A Django chat's database as real ones are, for tests and measures: people, private rooms and groups, and
//! messages cut out of real text, many with what happens to messages. On request with rows as broken as are
//! found in databases that have lived for years.

mod later;

use std::fmt::Write as _;

use sqlx::{MySqlConnection, raw_sql};
use uuid::Uuid;
use zas_protocol::Micros;

use crate::error::StoreError;
use crate::mariadb::{Failure, Role, Server};

pub use self::later::{Did, Later, does, goes_on, joins};

/// Rows of one statement.
const PIECE: usize = 2_000;
/// When the first of it was said.
const BEGINS: Micros = 1_700_000_000_000_000;

/// From the first chapter of *Don Quijote* (1605), the first of *Moby-Dick* (1851), and what people write.
const TEXTS: [&str; 24] = [
    "En un lugar de la Mancha, de cuyo nombre no quiero acordarme, no ha mucho tiempo que vivía un hidalgo de los de lanza en astillero",
    "Una olla de algo más vaca que carnero, salpicón las más noches, duelos y quebrantos los sábados, lantejas los viernes",
    "Frisaba la edad de nuestro hidalgo con los cincuenta años; era de complexión recia, seco de carnes, enjuto de rostro",
    "gran madrugador y amigo de la caza",
    "La razón de la sinrazón que a mi razón se hace, de tal manera mi razón enflaquece, que con razón me quejo de la vuestra fermosura",
    "Con estas razones perdía el pobre caballero el juicio, y desvelábase por entenderlas y desentrañarles el sentido",
    "En resolución, él se enfrascó tanto en su letura, que se le pasaban las noches leyendo de claro en claro, y los días de turbio en turbio",
    "Call me Ishmael.",
    "Some years ago—never mind how long precisely—having little or no money in my purse, and nothing particular to interest me on shore",
    "I thought I would sail about a little and see the watery part of the world.",
    "It is a way I have of driving off the spleen and regulating the circulation.",
    "Whenever it is a damp, drizzly November in my soul; I account it high time to get to sea as soon as I can.",
    "¿Quedamos a las ocho?",
    "Sí 👍",
    "jajaja qué bueno 😂😂",
    "Llego en 5 min",
    "ok",
    "¿Viste el partido? ⚽🔥",
    "No puedo, mañana te cuento",
    "https://example.com/receta?de=tortilla&para=4",
    "Perdona, se me fue el\nmensaje a medias",
    "👨‍👩‍👧‍👦 ya estamos todos",
    "gracias ❤️",
    "It's on the table, next to the 🗝️",
];

const REACTIONS: [&str; 9] = ["like", "love", "laugh", "wow", "sad", "angry", "fire", "golazo", "dislike"];

/// How much of it, and in which state.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// People.
    pub users: usize,
    /// Rooms: two of three are private.
    pub rooms: usize,
    /// Messages.
    pub messages: usize,
    /// Keeps ids as `uuid`, as Django 5 does; else as `char(32)`.
    pub native_ids: bool,
    /// Adds the broken rows that [`Broken`] counts.
    pub broken: bool,
}

/// How many rows of a sample must be left, by table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken {
    /// Of `users`.
    pub users: u64,
    /// Of `chat_rooms`.
    pub rooms: u64,
    /// Of `messages`.
    pub messages: u64,
    /// Of `message_reactions`.
    pub reactions: u64,
}

/// Numbers that look drawn, the same each time.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        // A step of splitmix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).unwrap_or_default()
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
}

/// An id of a sample: the n-th of its kind.
#[must_use]
pub fn key(kind: u8, n: usize) -> Uuid {
    let mut bytes = [0; 16];
    bytes[0] = kind;
    bytes[8..].copy_from_slice(&(n as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes());
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

/// The id of the n-th person.
#[must_use]
pub fn user(n: usize) -> Uuid {
    key(1, n)
}

/// The id of the n-th room.
#[must_use]
pub fn room(n: usize) -> Uuid {
    key(2, n)
}

/// The id of the n-th message.
#[must_use]
pub fn message(n: usize) -> Uuid {
    key(3, n)
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn time(at: Micros) -> String {
    format!("'1970-01-01' + INTERVAL {at} MICROSECOND")
}

/// Makes the tables and fills them; how many of its rows are broken.
///
/// # Errors
/// [`StoreError::Unavailable`] where there is no such database.
pub async fn make(url: &str, sample: &Sample) -> Result<Broken, StoreError> {
    let mut filler = Filler { c: Server::parse(url)?.connect(Role::Writer).await?, sample: *sample };
    filler.tables().await?;
    filler.run("START TRANSACTION".to_owned()).await?;
    filler.people().await?;
    filler.rooms().await?;
    filler.messages().await?;
    let broken = if sample.broken {
        filler.broken().await?
    } else {
        Broken { users: 0, rooms: 0, messages: 0, reactions: 0 }
    };
    filler.run("COMMIT".to_owned()).await?;
    Ok(broken)
}

/// The columns of rows, in the order in which they are given.
const USER: &str = "id,password,is_superuser,email,username,display_name,avatar,bio,is_active,is_staff,\
    created_at,last_active";
const ROOM: &str = "id,name,chat_type,description,avatar,created_by_id,is_active,created_at,updated_at,\
    last_activity";
const MESSAGE: &str = "id,chat_room_id,sender_id,content,message_type,image,video,audio,file_url,file_name,\
    file_size,reply_to_id,is_edited,is_deleted,deleted_at,created_at,updated_at";
/// The columns of a member's row but the last, until when they have read.
const MEMBER: &str = "chat_room_id,user_id,role,other_user_nickname,chat_background,chat_color,\
    other_message_color,notifications_enabled,sound_enabled,is_muted,is_blocked,joined_at";

struct Filler {
    c: MySqlConnection,
    sample: Sample,
}

impl Filler {
    async fn run(&mut self, sql: String) -> Result<(), StoreError> {
        raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut self.c).await.map_err(Failure::from)?;
        Ok(())
    }

    fn id(&self, id: Uuid) -> String {
        if self.sample.native_ids { format!("'{id}'") } else { format!("'{}'", id.simple()) }
    }

    /// As Django makes them, but without foreign keys: they are what broken rows lack.
    async fn tables(&mut self) -> Result<(), StoreError> {
        let id = if self.sample.native_ids { "uuid" } else { "char(32) CHARACTER SET latin1" };
        // Of a database that has lived: a column that takes any bytes.
        let content = if self.sample.broken { "longblob" } else { "longtext" };
        self.run(format!(
            "SET SESSION sql_mode = '';
             ALTER DATABASE CHARACTER SET utf8mb4;
             CREATE TABLE users (id {id} NOT NULL PRIMARY KEY, password varchar(128) NOT NULL,
               last_login datetime(6), is_superuser tinyint(1) NOT NULL, email varchar(254) NOT NULL UNIQUE,
               username varchar(150) NOT NULL UNIQUE, display_name varchar(150) NOT NULL, avatar varchar(100),
               bio longtext NOT NULL, is_active tinyint(1) NOT NULL, is_staff tinyint(1) NOT NULL,
               created_at datetime(6) NOT NULL, last_active datetime(6));
             CREATE TABLE chat_rooms (id {id} NOT NULL PRIMARY KEY, name varchar(255) NOT NULL,
               chat_type varchar(20) NOT NULL, description longtext NOT NULL, avatar varchar(100),
               created_by_id {id}, is_active tinyint(1) NOT NULL, created_at datetime(6) NOT NULL,
               updated_at datetime(6) NOT NULL, last_activity datetime(6) NOT NULL, KEY (created_by_id));
             CREATE TABLE chat_participants (id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY,
               chat_room_id {id} NOT NULL, user_id {id} NOT NULL, role varchar(20) NOT NULL,
               other_user_nickname varchar(100), chat_background varchar(100), chat_color varchar(20),
               other_message_color varchar(20), notifications_enabled tinyint(1) NOT NULL,
               sound_enabled tinyint(1) NOT NULL, is_muted tinyint(1) NOT NULL, is_blocked tinyint(1) NOT NULL,
               joined_at datetime(6) NOT NULL, last_read_at datetime(6), KEY (chat_room_id), KEY (user_id));
             CREATE TABLE messages (id {id} NOT NULL PRIMARY KEY, chat_room_id {id} NOT NULL,
               sender_id {id}, content {content} NOT NULL, message_type varchar(20) NOT NULL,
               image varchar(100), video varchar(100), audio varchar(100), file_url varchar(500),
               file_name varchar(255), file_size int unsigned, reply_to_id {id}, is_edited tinyint(1) NOT NULL,
               is_deleted tinyint(1) NOT NULL, deleted_at datetime(6), created_at datetime(6) NOT NULL,
               updated_at datetime(6) NOT NULL, KEY (chat_room_id), KEY (sender_id), KEY (reply_to_id));
             CREATE TABLE message_reactions (id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY,
               message_id {id} NOT NULL, user_id {id} NOT NULL, reaction_type varchar(20) NOT NULL,
               created_at datetime(6) NOT NULL, KEY (message_id));
             CREATE TABLE message_reads (id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY,
               message_id {id} NOT NULL, user_id {id} NOT NULL, read_at datetime(6) NOT NULL,
               KEY (message_id));"
        ))
        .await
    }

    async fn insert(&mut self, table: &str, columns: &str, rows: &[String]) -> Result<(), StoreError> {
        for rows in rows.chunks(PIECE) {
            self.run(format!("INSERT INTO {table} ({columns}) VALUES {}", rows.join(","))).await?;
        }
        Ok(())
    }

    async fn people(&mut self) -> Result<(), StoreError> {
        let row = |n: usize| {
            let at = time(BEGINS - 1_000_000 * (self.sample.users - n) as Micros);
            let avatar = if n.is_multiple_of(5) { format!("'avatars/{n}.jpg'") } else { "NULL".to_owned() };
            // The password is `clave del chat`, cheap to check.
            let hash = "pbkdf2_sha256$1000$c2FsdA$puVSQMNTT26iejHltAgNWMNWCoLgf2npl+SYqW343Ww=";
            format!(
                "({},'{hash}',0,'persona{n}@example.com','persona{n}','Persona {n}',{avatar},'',1,0,{at},{at})",
                self.id(user(n))
            )
        };
        let rows: Vec<String> = (0..self.sample.users).map(row).collect();
        self.insert("users", USER, &rows).await
    }

    /// Who is in the n-th room.
    fn members(&self, n: usize) -> Vec<usize> {
        let users = self.sample.users;
        if n.is_multiple_of(3) {
            let size = 3 + n % 7;
            let mut members: Vec<usize> = (0..size).map(|step| (n + step * step + step) % users).collect();
            members.sort_unstable();
            members.dedup();
            return members;
        }
        // Each pair once: the pairs of people so far apart, one distance after the other.
        let (first, apart) = (n % users, 1 + n / users);
        vec![first, (first + apart) % users]
    }

    async fn rooms(&mut self) -> Result<(), StoreError> {
        let (mut rooms, mut members) = (Vec::new(), Vec::new());
        for n in 0..self.sample.rooms {
            let (id, at) = (self.id(room(n)), time(BEGINS + n as Micros));
            let is_group = n.is_multiple_of(3);
            let (kind, name) =
                if is_group { ("group", format!("Grupo {n}")) } else { ("private", String::new()) };
            let people = self.members(n);
            let creator = self.id(user(people[0]));
            let (description, avatar) = match n {
                // More than we take.
                3 if self.sample.broken => ("ñ".repeat(501), "NULL".to_owned()),
                _ if is_group => (format!("De qué va el grupo {n}"), format!("'chats/{n}.jpg'")),
                _ => (String::new(), "NULL".to_owned()),
            };
            rooms.push(format!(
                "({id},'{name}','{kind}','{description}',{avatar},{creator},1,{at},{at},{at})"
            ));
            for (place, person) in people.into_iter().enumerate() {
                let role = if is_group && place == 0 { "owner" } else { "member" };
                let color = if n.is_multiple_of(4) { "'ocean'" } else { "''" };
                members.push(format!(
                    "({id},{},'{role}','','',{color},'',1,{},0,0,{at},NULL)",
                    self.id(user(person)),
                    u8::from(!n.is_multiple_of(5))
                ));
            }
        }
        self.insert("chat_rooms", ROOM, &rooms).await?;
        let columns = format!("{MEMBER},last_read_at");
        self.insert("chat_participants", &columns, &members).await
    }

    async fn messages(&mut self) -> Result<(), StoreError> {
        let mut draw = Draw(7);
        let (mut messages, mut reactions, mut reads) = (Vec::new(), Vec::new(), Vec::new());
        // The last message of each room, for answers.
        let mut last: Vec<Option<usize>> = vec![None; self.sample.rooms];
        let mut at = BEGINS + 1_000_000;
        for n in 0..self.sample.messages {
            // A few rooms are much busier than the others.
            let rooms = if draw.one_in(3) { self.sample.rooms.div_ceil(20) } else { self.sample.rooms };
            let place = draw.below(rooms);
            let people = self.members(place);
            let sender = people[draw.below(people.len())];
            // Some were said in the same microsecond.
            at += if draw.one_in(50) { 0 } else { 1 + draw.below(2_000_000) as Micros };
            let mut text = TEXTS[draw.below(TEXTS.len())].to_owned();
            if draw.one_in(4) {
                let _ = write!(text, " — {}", TEXTS[draw.below(TEXTS.len())]);
            }
            let (mut kind, mut media) = ("text", "NULL,NULL,NULL,NULL,NULL,NULL".to_owned());
            match draw.below(40) {
                0 => {
                    (kind, text) = ("image", String::new());
                    media = format!("'chat/{n}.jpg',NULL,NULL,NULL,'foto {n}.jpg',{}", 1_000 + n);
                }
                1 => {
                    (kind, text) = ("audio", String::new());
                    media = format!("NULL,NULL,'chat/{n}.ogg',NULL,NULL,NULL");
                }
                2 => {
                    kind = "file";
                    media = format!("NULL,NULL,NULL,'https://example.com/{n}.pdf','acta {n}.pdf',{n}");
                }
                3 => (kind, text) = ("emoji", "🔥".to_owned()),
                _ => {}
            }
            let answers = draw.one_in(12).then_some(last[place]).flatten();
            let reply_to = answers.map_or_else(|| "NULL".to_owned(), |of| self.id(message(of)));
            let (edited, deleted) = (kind == "text" && draw.one_in(25), draw.one_in(60));
            let changed = time(at + if edited || deleted { 60_000_000 } else { 0 });
            messages.push(format!(
                "({},{},{},{},'{kind}',{media},{reply_to},{},{},{},{},{changed})",
                self.id(message(n)),
                self.id(room(place)),
                self.id(user(sender)),
                quoted(&text),
                u8::from(edited),
                u8::from(deleted),
                if deleted { changed.clone() } else { "NULL".to_owned() },
                time(at),
            ));
            for &person in people.iter().filter(|&&person| person != sender) {
                if draw.one_in(15) {
                    let reaction = REACTIONS[draw.below(REACTIONS.len())];
                    reactions.push(format!(
                        "({},{},'{reaction}',{})",
                        self.id(message(n)),
                        self.id(user(person)),
                        time(at)
                    ));
                }
                if draw.one_in(3) {
                    reads.push(format!("({},{},{})", self.id(message(n)), self.id(user(person)), time(at)));
                }
            }
            last[place] = Some(n);
        }
        self.insert("messages", MESSAGE, &messages).await?;
        self.insert("message_reactions", "message_id,user_id,reaction_type,created_at", &reactions).await?;
        self.insert("message_reads", "message_id,user_id,read_at", &reads).await
    }

    /// One of each kind of what is wrong in databases that have lived.
    async fn broken(&mut self) -> Result<Broken, StoreError> {
        let at = time(BEGINS);
        let (ana, place) = (self.id(user(0)), self.id(room(0)));
        let nobody = self.id(key(9, 0));
        let n = std::cell::Cell::new(0);
        let fresh = |filler: &Self| {
            n.set(n.get() + 1);
            filler.id(key(8, n.get()))
        };
        let says = |id: String, room: &str, sender: &str, content: String, at: &str| {
            format!(
                "({id},{room},{sender},{content},'text',NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,0,NULL,{at},{at})"
            )
        };
        let bad = [
            says(fresh(self), &place, &nobody, "'huérfano'".to_owned(), &at),
            says(fresh(self), &nobody, &ana, "'sin sala'".to_owned(), &at),
            says(fresh(self), &place, &ana, quoted(&"largo ".repeat(2_000)), &at),
            says(fresh(self), &place, &ana, "X'C3286F6C61'".to_owned(), &at),
            says(fresh(self), &place, &ana, "'sin fecha'".to_owned(), "'0000-00-00 00:00:00'"),
            says(fresh(self), &place, &ana, "'  \\n '".to_owned(), &at),
        ];
        self.insert("messages", MESSAGE, &bad).await?;
        let mut messages = bad.len() as u64;
        if !self.sample.native_ids {
            let none = says("'no es un id'".to_owned(), &place, &ana, "'x'".to_owned(), &at);
            self.insert("messages", MESSAGE, &[none]).await?;
            messages += 1;
        }
        // An answer to nothing, and one that is not lost for it.
        let lost = format!(
            "({},{place},{ana},'¿a qué?','text',NULL,NULL,NULL,NULL,NULL,NULL,{nobody},0,0,NULL,{at},{at})",
            fresh(self)
        );
        self.insert("messages", MESSAGE, &[lost]).await?;
        let first = self.id(message(0));
        let reactions =
            [format!("({first},{nobody},'like',{at})"), format!("({first},{ana},'aplauso',{at})")];
        self.insert("message_reactions", "message_id,user_id,reaction_type,created_at", &reactions).await?;
        let (empty, closed, twice) = (fresh(self), fresh(self), fresh(self));
        let members = self.members(1);
        let rooms = [
            format!("({empty},'Nadie','group','',NULL,NULL,1,{at},{at},{at})"),
            format!("({closed},'Cerrada','group','',NULL,{ana},0,{at},{at},{at})"),
            format!("({twice},'','private','',NULL,{ana},1,{at},{at},{at})"),
        ];
        self.insert("chat_rooms", ROOM, &rooms).await?;
        let member =
            |room: &str, user: String| format!("({room},{user},'rey','','','','',1,1,0,0,{at},NULL)");
        let rows = [
            member(&twice, self.id(user(members[0]))),
            member(&twice, self.id(user(members[1]))),
            member(&twice, self.id(user(members[1]))),
            member(&closed, ana.clone()),
            member(&place, nobody.clone()),
        ];
        let columns = format!("{MEMBER},last_read_at");
        self.insert("chat_participants", &columns, &rows).await?;
        // Names that are none of ours, and two that become one.
        let people = [
            format!("({},'!',0,'','José.Pérez','',NULL,'',0,0,{at},NULL)", fresh(self)),
            format!("({},'!',0,'x','jos__p_rez','José',NULL,'',1,0,'0000-00-00',NULL)", fresh(self)),
        ];
        self.insert("users", USER, &people).await?;
        Ok(Broken { users: 0, rooms: 1, messages, reactions: 2 })
    }
}

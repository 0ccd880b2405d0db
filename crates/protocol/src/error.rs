//! The one table of refusals: each code with its HTTP status, whether to try again, and a
//! sentence for the person in front of the screen.

use serde::{Deserialize, Serialize};

/// Whether and when the same thing may be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Final: the same request is refused for ever.
    Never,
    /// Later, after `retry_after`.
    Later,
    /// With a fresh access token.
    Refreshed,
    /// When the message named by `after` is stored.
    InOrder,
}

macro_rules! table {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $status:literal, $retry:ident, $es:literal, $en:literal;)*) => {
        /// Why something was refused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(ts_rs::TS))]
        pub enum ErrorCode {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)*
        }

        impl ErrorCode {
            /// Every code there is.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name on the wire.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Its HTTP status.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }

            /// Whether to try again.
            #[must_use]
            pub const fn retry(self) -> Retry {
                match self { $(Self::$variant => Retry::$retry,)* }
            }

            /// What to tell a person, and what to do.
            #[must_use]
            pub const fn sentence(self, language: Language) -> &'static str {
                match (self, language) {
                    $((Self::$variant, Language::Es) => $es, (Self::$variant, Language::En) => $en,)*
                }
            }
        }
    };
}

table! {
    /// The request is not of its form.
    BadRequest = "bad_request", 400, Never,
        "La petición no es válida.", "The request is not valid.";
    /// The text is empty, or nothing but blanks.
    TextBlank = "text_blank", 400, Never,
        "Escribe algo antes de enviar.", "Write something before you send.";
    /// The text is over the limit.
    TextTooLong = "text_too_long", 400, Never,
        "El mensaje es demasiado largo. Divídelo en varios.", "The message is too long. Split it into several.";
    /// A name is empty, too long, or of characters that do not show.
    NameInvalid = "name_invalid", 400, Never,
        "Ese nombre no vale. Usa entre 1 y 60 caracteres.", "That name won't do. Use 1 to 60 characters.";
    /// A username is not 3–30 of `[a-z0-9_]`.
    UsernameInvalid = "username_invalid", 400, Never,
        "El nombre de usuario lleva de 3 a 30 letras, números o guiones bajos.", "A username has 3 to 30 letters, digits or underscores.";
    /// The username, or one that looks like it, is in use.
    UsernameTaken = "username_taken", 400, Never,
        "Ese nombre de usuario ya está en uso. Prueba con otro.", "That username is taken. Try another.";
    /// The email is not one.
    EmailInvalid = "email_invalid", 400, Never,
        "Ese correo no parece válido.", "That email doesn't look right.";
    /// The email is in use.
    EmailTaken = "email_taken", 400, Never,
        "Ya hay una cuenta con ese correo. Entra con ella.", "There is an account with that email. Sign in with it.";
    /// The password is shorter than 8 characters or longer than 256.
    PasswordInvalid = "password_invalid", 400, Never,
        "La contraseña necesita al menos 8 caracteres.", "A password needs at least 8 characters.";
    /// Sign-in failed; which part was wrong is not said.
    BadCredentials = "bad_credentials", 400, Never,
        "Usuario o contraseña incorrectos.", "Wrong username or password.";
    /// The file is no image we take.
    ImageInvalid = "image_invalid", 400, Never,
        "Esa imagen no se puede usar. Prueba con una JPEG, PNG o WebP.", "That image can't be used. Try a JPEG, PNG or WebP.";
    /// The body is over the limit.
    TooLarge = "too_large", 413, Never,
        "Es demasiado grande.", "It is too large.";
    /// No valid session.
    Unauthenticated = "unauthenticated", 401, Refreshed,
        "Tu sesión ha caducado. Entra de nuevo.", "Your session has ended. Sign in again.";
    /// Signed out, or the account is disabled.
    Revoked = "revoked", 401, Never,
        "Esta sesión se ha cerrado. Entra de nuevo.", "This session was signed out. Sign in again.";
    /// One is in, and may not do this.
    Forbidden = "forbidden", 403, Never,
        "No tienes permiso para hacer eso.", "You may not do that.";
    /// Not there, or not for this person to know.
    NotFound = "not_found", 404, Never,
        "No existe o ya no está a tu alcance.", "It doesn't exist, or is out of your reach.";
    /// The method does not fit the path.
    MethodNotAllowed = "method_not_allowed", 405, Never,
        "La petición no es válida.", "The request is not valid.";
    /// The `txn_id` stands for something else already.
    TxnConflict = "txn_conflict", 409, Never,
        "Ese envío ya se usó para otra cosa.", "That send was already used for something else.";
    /// The group is full.
    RoomFull = "room_full", 409, Never,
        "El grupo está completo.", "The group is full.";
    /// Somebody is in as many rooms as one may be in.
    TooManyRooms = "too_many_rooms", 409, Never,
        "Alguien está ya en demasiadas conversaciones.", "Somebody is in too many conversations already.";
    /// They are in the group already.
    AlreadyMember = "already_member", 409, Never,
        "Esa persona ya está en el grupo.", "That person is already in the group.";
    /// The message before this one is not stored yet.
    RetryInOrder = "retry_in_order", 409, InOrder,
        "Esperando al mensaje anterior.", "Waiting for the message before.";
    /// Too many for now.
    RateLimited = "rate_limited", 429, Later,
        "Vas muy rápido. Se enviará en un momento.", "You're going fast. It will be sent in a moment.";
    /// The outcome of a commit is not known; the same `txn_id` again is safe.
    Unknown = "unknown", 503, Later,
        "No sabemos aún si llegó. Lo comprobamos.", "We don't know yet whether it arrived. Checking.";
    /// The server has more to do than it can.
    Overloaded = "overloaded", 503, Later,
        "Hay mucho movimiento. Se reintenta en un momento.", "It's busy. Trying again in a moment.";
    /// The server is stopping.
    Draining = "draining", 503, Later,
        "El servidor se está reiniciando. Se reintenta en un momento.", "The server is restarting. Trying again in a moment.";
    /// Nothing can be written: the disk is full or read-only.
    StorageFull = "storage_full", 507, Later,
        "El servidor no puede guardar ahora. Tu mensaje espera aquí.", "The server can't store right now. Your message waits here.";
    /// The backend that Zas stands before can't be reached, or gives no answer.
    UpstreamUnreachable = "upstream_unreachable", 502, Later,
        "El chat funciona, pero el resto de la aplicación no responde. Prueba dentro de un momento.", "The chat works, but the rest of the app doesn't answer. Try again in a moment.";
    /// The backend that Zas stands before takes too long to answer.
    UpstreamTimeout = "upstream_timeout", 504, Later,
        "El chat funciona, pero el resto de la aplicación tarda demasiado. Prueba dentro de un momento.", "The chat works, but the rest of the app takes too long. Try again in a moment.";
    /// The backend that Zas stands before sends requests back to Zas.
    UpstreamLoop = "upstream_loop", 508, Never,
        "El servidor está mal configurado: se llama a sí mismo.", "The server is misconfigured: it calls itself.";
    /// A bug on our side.
    Internal = "internal", 500, Later,
        "Algo ha fallado de nuestro lado. Se reintenta.", "Something failed on our side. Trying again.";
}

/// By hand, since the derive does not see names that come through a macro.
#[cfg(feature = "schema")]
impl utoipa::PartialSchema for ErrorCode {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some("Why something was refused."))
            .enum_values(Some(Self::ALL.iter().map(|code| code.name())))
            .into()
    }
}

#[cfg(feature = "schema")]
impl utoipa::ToSchema for ErrorCode {
    fn name() -> std::borrow::Cow<'static, str> {
        "ErrorCode".into()
    }
}

impl ErrorCode {
    /// Whether the command is certainly not stored and never will be: the next one may pass.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self.retry(), Retry::Never)
    }
}

/// The languages we speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// Spanish, unless asked otherwise.
    #[default]
    Es,
    /// English.
    En,
}

impl Language {
    /// The first language of an `Accept-Language` header (RFC 9110 §12.5.4) that we speak.
    #[must_use]
    pub fn from_accept(header: &str) -> Self {
        header
            .split(',')
            .map(|range| range.split(';').next().unwrap_or_default().trim())
            .find_map(|tag| match tag.get(..2).map(str::to_ascii_lowercase).as_deref() {
                Some("es") => Some(Self::Es),
                Some("en") => Some(Self::En),
                _ => None,
            })
            .unwrap_or_default()
    }
}

/// The body of every refused request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
pub struct ErrorBody {
    /// Why.
    pub code: ErrorCode,
    /// The sentence, in the language asked for.
    pub message: String,
    /// Not before this long, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", ts(optional))]
    pub retry_after_ms: Option<u64>,
    /// What to quote when asking for help.
    pub request_id: String,
    /// For [`ErrorCode::TxnConflict`]: what the name already stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", ts(optional))]
    pub first: Option<Box<crate::frame::Ack>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_that_may_pass_later_is_never_a_client_error_but_order_session_and_rate() {
        for &code in ErrorCode::ALL {
            let client_error = (400..500).contains(&code.status());
            let may_pass = !code.is_final();
            let exception =
                matches!(code, ErrorCode::RetryInOrder | ErrorCode::Unauthenticated | ErrorCode::RateLimited);
            assert_eq!(client_error && may_pass, exception, "{code:?}");
            assert_eq!(serde_json::to_value(code).unwrap(), code.name());
        }
    }

    #[test]
    fn language_is_the_first_we_speak_else_spanish() {
        assert_eq!(Language::from_accept("fr-FR, en;q=0.8, es;q=0.1"), Language::En);
        assert_eq!(Language::from_accept("es-MX"), Language::Es);
        assert_eq!(Language::from_accept("ñ"), Language::Es);
        assert_eq!(Language::from_accept(""), Language::Es);
    }
}

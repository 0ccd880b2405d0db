//! Routes that can be listed. The native API's are in the OpenAPI document; those that it leaves out
//! are made by [`listed!`], so that the access matrix (`tests/access`) fails for one without a row.

use axum::routing::MethodRouter;

use crate::app::App;

/// A path with what answers it.
pub struct Listed {
    /// As the router writes it.
    pub path: &'static str,
    /// The methods that are answered, in lower case.
    pub methods: &'static [&'static str],
    /// What answers them.
    pub handlers: MethodRouter<App>,
}

impl Listed {
    /// `METHOD /path`, for each method.
    pub fn names(&self) -> impl Iterator<Item = String> + use<> {
        let path = self.path;
        self.methods.iter().map(move |method| format!("{} {path}", method.to_uppercase()))
    }
}

/// `listed!("/path", get handler, post other)`: the methods that are named are those that answer.
macro_rules! listed {
    ($path:literal, $($method:ident $handler:expr),+) => {
        $crate::listed::Listed {
            path: $path,
            methods: &[$(stringify!($method)),+],
            handlers: axum::routing::MethodRouter::new()$(.$method($handler))+,
        }
    };
}
pub(crate) use listed;

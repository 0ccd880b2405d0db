//! What a node answers by plain HTTP.

use zas_client::engine::FetchError;
use zas_protocol::rest::LogHead;
use zas_protocol::{Signal, UserId};

use super::Node;
use super::commit::{self, Answer};
use crate::message::{Asked, Request, ToDevice};
use crate::net::Net;
use crate::oracle::Held;

impl Node {
    pub(super) fn serve(&mut self, net: &mut Net, asked: &Asked) -> Held {
        let identity = match net.identify(&asked.token, matches!(asked.request, Request::Refresh)) {
            Ok(identity) => identity,
            Err(code) => {
                let answer = match &asked.request {
                    Request::State => ToDevice::State(Err(code)),
                    Request::Refresh => ToDevice::Token(Err(Some(code))),
                    Request::Page(room, id, _) => ToDevice::Fetched(*room, *id, Err(FetchError::Later)),
                    Request::Post(command) => {
                        ToDevice::Posted(Err(commit::nack(command.txn_id().clone(), code)))
                    }
                    Request::Say(_) => return Ok(()),
                };
                net.answer(asked, answer);
                return Ok(());
            }
        };
        match &asked.request {
            Request::State => {
                let heads = net.heads(identity.user).into_iter();
                let heads = heads.map(|log| LogHead { room: log.room, epoch: log.epoch, head: log.head });
                let state = ToDevice::State(Ok(heads.collect()));
                net.answer(asked, state);
            }
            Request::Refresh => {
                let token = net.refresh(&asked.token).map_err(Some);
                net.answer(asked, ToDevice::Token(token));
            }
            Request::Page(room, id, at) => {
                let page = match net.page(identity.user, *room, *at, net.weather.page) {
                    Ok(Some(page)) => Ok(page),
                    Ok(None) => Err(FetchError::NotFound),
                    Err(_) => Err(FetchError::Later),
                };
                for event in page.iter().flat_map(|page| &page.events) {
                    net.oracle.shown(identity.user, event)?;
                }
                net.answer(asked, ToDevice::Fetched(*room, *id, page));
            }
            Request::Post(command) => {
                let number = self.next_post;
                self.next_post += 1;
                self.posts.insert(number, asked.clone());
                return self.execute(net, identity.user, command.clone(), Answer::Request(number));
            }
            Request::Say(signal) => self.say(net, identity.user, signal),
        }
        Ok(())
    }

    /// A signal by plain HTTP: only for rooms one is in, and for places that exist.
    fn say(&mut self, net: &mut Net, user: UserId, signal: &Signal) {
        let advances = match signal {
            Signal::Positions { advances } => advances,
            &Signal::Typing { room, on } => {
                if net.model.member(room, user).is_some() {
                    self.with_hub(net, |hub, now, mut deliver| hub.typing(now, user, room, on, &mut deliver));
                }
                return;
            }
        };
        for advance in advances {
            if let Some(member) = net.model.member(advance.room, user) {
                let (delivered, read) = (advance.delivered.min(member.head), advance.read.min(member.head));
                self.with_hub(net, |hub, now, mut deliver| {
                    hub.advance(now, user, advance.room, delivered, read, &mut deliver);
                });
            }
        }
    }
}

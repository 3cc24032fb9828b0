//! The mesh's Kafka traffic in a browser. Arrows point one way: [`http`] -> [`views`] -> [`source`] -> ([`direct`],
//! [`prometheus`]) -> [`expr`], and [`terms`] is what the sources have in common; a page is data ([`page`]), and every number in it is an [`expr::Expr`] that also says
//! the PromQL which gives the same.

pub mod direct;
pub mod expr;
pub mod http;
pub mod page;
pub mod prometheus;
pub mod settings;
pub mod source;
pub mod terms;
pub mod views;

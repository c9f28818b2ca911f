//! What every backend does, one test per sentence, each run on all of them.

/// Makes of each `async fn sentence(world: World)` a module with one test per backend.
macro_rules! on_every_backend {
    ($($sentence:ident),* $(,)?) => {$(
        mod $sentence {
            #[tokio::test]
            async fn sqlite() {
                super::$sentence(crate::fixture::World::sqlite()).await;
            }

            #[tokio::test]
            async fn memory() {
                super::$sentence(crate::fixture::World::memory()).await;
            }
        }
    )*};
}

mod accounts;
mod append;
mod cancel;
mod changes;
mod cuts;
mod duplicates;
mod expunge;
mod health;
mod integrations;
mod loading;
mod operational;
mod portal;
mod reading;
mod reports;
mod resend;
mod restart;
mod retention;
mod tasks;

//! The end of the process, as a person or the system asks for it.

/// Waits until the process is told to stop: Ctrl-C, or SIGTERM where there is one.
pub(crate) async fn stopped() {
    let ctrl_c = async {
        // Who cannot be told to stop is not stopped by that.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    {
        use tokio::signal::unix::SignalKind;
        use tokio::signal::unix::signal;
        let Ok(mut terminate) = signal(SignalKind::terminate()) else { return ctrl_c.await };
        tokio::select! {
            () = ctrl_c => {}
            _ = terminate.recv() => {}
        }
    }
    #[cfg(not(unix))]
    ctrl_c.await;
}

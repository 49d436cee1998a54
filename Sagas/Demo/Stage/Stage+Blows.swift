import PrivatePostgres

/// What the chaos does to the stage.
extension Stage {
    /// SIGKILL. It stays away, and its address stays known.
    func killOrchestrator(_ number: Int) async throws { try await orchestrators[number - 1].kill() }

    /// SIGKILL, and a new one at once.
    func restartCompletionist() async throws {
        for helper in helpers where helper.name == "completionist" {
            try await helper.kill()
            await helper.start()
        }
    }

    /// As in a power failure, but for the disk: no checkpoint, no goodbye.
    func stopPostgres() async throws { try await cluster?.stop(.immediate) }

    /// Starts it again, and waits until it has recovered.
    func startPostgres() async throws { try await cluster?.start() }
}

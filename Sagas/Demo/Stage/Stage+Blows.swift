import PrivatePostgres

/// What the chaos does to the stage.
extension Stage {
    func killOrchestrator(_ number: Int) async throws { try await orchestrators[number - 1].kill() }

    func restartCompletionist() async throws {
        for helper in helpers where helper.name == "completionist" {
            try await helper.kill()
            await helper.start()
        }
    }

    func stopPostgres() async throws { try await cluster?.stop(.immediate) }

    func startPostgres() async throws { try await cluster?.start() }
}

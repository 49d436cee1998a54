import PrivatePostgres

/// What is done to those on the stage.
extension Stage {
    /// SIGKILL. It stays away until it is started again; where it listened stays known.
    /// - Returns: Whether there was a process to kill.
    @discardableResult
    package func kill(_ name: String) async throws -> Bool { try await program(name).kill() }

    /// SIGSTOP: it neither works nor dies, until it is thawed.
    /// - Returns: Whether there was a process to stop.
    package func freeze(_ name: String) async throws -> Bool { try await program(name).send(.freeze) }

    /// SIGCONT.
    package func thaw(_ name: String) async throws { try await program(name).send(.thaw) }

    /// As in a power failure, but for the disk: no checkpoint, no goodbye.
    package func stopPostgres() async throws { try await cluster?.stop(.immediate) }

    /// Starts it again, and waits until it has recovered.
    package func startPostgres() async throws { try await cluster?.start() }
}

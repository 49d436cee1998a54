extension PrivateCluster {
    /// Starts the server and waits until it takes connections. Does nothing when it runs already. A server that was
    /// killed is recovered; what its lost processes still hold is waited for.
    ///
    /// - Throws: ``PrivatePostgresError`` with the end of the server's log when it does not start.
    public func start() async throws {
        try await server.locked { _ = try await server.start() }
    }

    /// Stops the server and waits until it is gone. Does nothing when none runs. The data stays, also of a temporary
    /// cluster, until ``delete()`` or the end of this process.
    ///
    /// - Throws: ``PrivatePostgresError`` when it has not ended after a minute.
    public func stop(_ mode: StopMode = .fast) async throws {
        try await server.locked { try await server.stop(mode) }
    }

    /// Stops the server and starts it again.
    ///
    /// - Throws: ``PrivatePostgresError`` as ``stop(_:)`` and ``start()`` do.
    public func restart(_ mode: StopMode = .fast) async throws {
        try await server.locked {
            try await server.stop(mode)
            _ = try await server.start()
        }
    }

    /// Stops the server at once and removes the cluster with all its data. What others keep in the same folder stays.
    ///
    /// - Throws: ``PrivatePostgresError`` when the server does not end, or the file system's error.
    public func delete() async throws {
        if server.place.exists {
            try await server.locked {
                try await server.stop(.immediate)
                try server.place.remove()
            }
        }
        watch?.end()
    }

    /// Makes a database, as a copy of `template` if one is given. Nobody may be connected to the template meanwhile.
    ///
    /// - Throws: ``PrivatePostgresError`` with what `createdb` said.
    public func createDatabase(_ name: String, template: String? = nil) async throws {
        var arguments = template.map { ["--template=\($0)"] } ?? []
        arguments += ["--", name]
        try await server.client("createdb", arguments)
    }

    /// Drops a database and disconnects whoever uses it. Does nothing when there is none of that name.
    ///
    /// - Throws: ``PrivatePostgresError`` with what `dropdb` said.
    public func dropDatabase(_ name: String) async throws {
        try await server.client("dropdb", ["--force", "--if-exists", "--", name])
    }
}

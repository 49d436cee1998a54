import Foundation
import Logging

/// A cluster's server, as seen through PostgreSQL's own programs. The callers hold the cluster's lock.
struct Server: Sendable {
    /// Crash recovery of a small cluster takes seconds; a minute means that something is wrong.
    private static let patienceSeconds = 60
    /// How long the lost children of a killed server may hold on to its shared memory.
    private static let orphanPatience = Duration.seconds(20)
    private static let pollInterval = Duration.milliseconds(50)

    let place: ClusterPlace
    let binaries: ServerBinaries
    let account: ServerAccount
    let settings: ServerSettings
    let logger: Logger

    /// Calls `body` while holding the cluster's lock.
    func locked(_ body: () async throws -> Void) async throws {
        let lock = try await FileLock.acquire(place.lockFile, owner: account)
        defer { lock.release() }
        try await body()
    }

    /// Makes the cluster's data, unless it is there.
    func initialize() async throws {
        guard !place.isInitialized else { return }
        let unfinished = place.unfinishedDirectory
        if FileManager.default.fileExists(atPath: unfinished) {
            try FileManager.default.removeItem(atPath: unfinished)
        }
        try ClusterPlace.makeFolder(unfinished, for: account)
        var arguments = [
            "--pgdata=\(unfinished)", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-locale",
            "--no-instructions",
        ]
        if !settings.durable { arguments.append("--no-sync") }
        let made = try await Command.run(binaries.path("initdb"), arguments, as: account)
        guard made.succeeded else {
            throw PrivatePostgresError(.initializationFailed, "initdb failed in \(unfinished)", detail: made.output)
        }
        try ClusterPlace.write(
            "\ninclude_if_exists 'private.conf'\n",
            to: unfinished + "/postgresql.conf",
            for: account,
            append: true
        )
        try FileManager.default.moveItem(atPath: unfinished, toPath: place.dataDirectory)
        logger.info("made a PostgreSQL cluster", metadata: ["directory": "\(place.directory)"])
    }

    /// Starts the server and waits until it takes connections.
    ///
    /// - Returns: Whether it had to be started.
    func start() async throws -> Bool {
        if try await isReady() { return false }
        place.removeStaleServerFiles()
        let text = settings.file(socketDirectory: place.socketDirectory)
        try ClusterPlace.write(text, to: place.dataDirectory + "/private.conf", for: account)
        let logStart = place.logEnd
        try ClusterPlace.write("", to: place.logFile, for: account, append: true)
        let deadline = ContinuousClock.now + Self.orphanPatience
        while true {
            let started = try await control(["start", "--log=\(place.logFile)"])
            if started.succeeded { break }
            let tail = place.logTail(from: logStart)
            guard tail.contains("shared memory block"), ContinuousClock.now < deadline else {
                throw PrivatePostgresError(
                    .startFailed,
                    "the PostgreSQL server in \(place.directory) did not start",
                    detail: "\(started.output)\(tail)"
                )
            }
            try await Task.sleep(for: Self.pollInterval)
        }
        logger.info("started a PostgreSQL server", metadata: ["directory": "\(place.directory)"])
        return true
    }

    /// Stops the server, if one runs, and waits for its end.
    func stop(_ mode: PrivateCluster.StopMode) async throws {
        guard place.livePostmaster != nil else { return }
        let stopped = try await control(["stop", "--mode=\(mode.rawValue)"])
        guard stopped.succeeded || place.livePostmaster == nil else {
            throw PrivatePostgresError(
                .stopFailed,
                "the PostgreSQL server in \(place.directory) did not stop",
                detail: stopped.output
            )
        }
        logger.info("stopped a PostgreSQL server", metadata: ["directory": "\(place.directory)", "mode": "\(mode)"])
    }

    /// Runs one of PostgreSQL's client programs against this server.
    func client(_ program: String, _ arguments: [String]) async throws {
        let connection = ["-h", place.socketDirectory, "-p", String(ClusterPlace.port), "-U", "postgres"]
        let result = try await Command.run(binaries.path(program), connection + arguments, as: account)
        guard result.succeeded else {
            throw PrivatePostgresError(.commandFailed, "\(program) failed", detail: result.output)
        }
    }

    /// Whether a server runs and takes connections. Waits for one that is on its way up or down.
    private func isReady() async throws -> Bool {
        let deadline = ContinuousClock.now + .seconds(Self.patienceSeconds)
        let arguments = ["-q", "-h", place.socketDirectory, "-p", String(ClusterPlace.port)]
        while place.livePostmaster != nil, ContinuousClock.now < deadline {
            if try await Command.run(binaries.path("pg_isready"), arguments, as: account).succeeded { return true }
            try await Task.sleep(for: Self.pollInterval)
        }
        return false
    }

    func control(_ arguments: [String]) async throws -> Command.Result {
        let common = ["--pgdata=\(place.dataDirectory)", "--wait", "--timeout=\(Self.patienceSeconds)", "--silent"]
        return try await Command.run(binaries.path("pg_ctl"), arguments + common, as: account)
    }
}

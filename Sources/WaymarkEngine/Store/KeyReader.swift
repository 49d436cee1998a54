import Foundation
import PostgresPQ
import Synchronization

/// Reads keys as anybody can, those that many callers ask for by one statement.
final class KeyReader: Sendable {
    /// What one caller waits for, until it is there or the caller is cancelled.
    private final class Reading: Sendable {
        let id: UUID
        private let waiter = Mutex<CheckedContinuation<ObservedRow?, any Error>?>(nil)

        init(id: UUID) { self.id = id }

        /// Waits; `isLate` tells whether the cancellation came before.
        func wait(_ waiter: CheckedContinuation<ObservedRow?, any Error>, isLate: () -> Bool) {
            self.waiter.withLock { $0 = waiter }
            if isLate() { resume(.failure(CancellationError())) }
        }

        func resume(_ result: Result<ObservedRow?, any Error>) {
            let waiter = self.waiter.withLock { waiter in
                defer { waiter = nil }
                return waiter
            }
            waiter?.resume(with: result)
        }
    }

    /// One that the server works on, and one that is on its way: with more, each would be for fewer callers.
    private static let places = 2
    /// In one statement at most: an answer is up to 256 KiB.
    private static let keys = 64
    /// For readings that do not end, until another begins beside them: longer than one commonly takes.
    private static let longestWait: Duration = .milliseconds(5)

    private let batches: Batches<Reading>
    private let postgres: PostgresClient
    private let statements: KeyStatements

    init(on postgres: PostgresClient, _ statements: KeyStatements) {
        batches = Batches(
            places: Self.places, mostPlaces: postgres.configuration.maximumConnections / 2,
            longestWait: Self.longestWait, items: Self.keys)
        self.postgres = postgres
        self.statements = statements
    }

    /// - Returns: nil where there is no such key.
    /// - Throws: `PostgresError`, or `CancellationError`; the reading goes on then, since it is others' too.
    func row(of id: UUID) async throws -> ObservedRow? {
        let reading = Reading(id: id)
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { waiter in
                reading.wait(waiter) { Task.isCancelled }
                batches.add(reading) { [self] in await read($0) }
            }
        } onCancel: {
            reading.resume(.failure(CancellationError()))
        }
    }

    private func read(_ batch: [Reading]) async {
        do {
            let read = statements.observe(Set(batch.map(\.id)).sorted())
            let rows = try await postgres.pipeline([KeyStatements.lookupsOnly, read])[1]
            let found = Dictionary(uniqueKeysWithValues: try rows.map { (try $0[0].decode(UUID.self), $0) })
            for reading in batch { reading.resume(Result { try found[reading.id].map(ObservedRow.init) }) }
        } catch {
            for reading in batch { reading.resume(.failure(error)) }
        }
    }
}

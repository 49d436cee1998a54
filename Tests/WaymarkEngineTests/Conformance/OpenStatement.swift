import Foundation
import PostgresPQ
import Simulation

@testable import WaymarkEngine

/// A statement in a transaction that stays open until it is told how to end.
struct OpenStatement {
    private let beginnings: AsyncStream<Int>
    private let answers: AsyncStream<RealStore.Answer>
    private let ending: AsyncStream<Bool>.Continuation
    private let task: Task<Void, any Error>

    private struct RolledBack: Error {}

    init(_ statement: Statement, _ requests: [UUID: AcceptedRequest], on real: RealStore) {
        let (beginnings, beginning) = AsyncStream<Int>.makeStream()
        let (answers, answer) = AsyncStream<RealStore.Answer>.makeStream()
        let (endings, ending) = AsyncStream<Bool>.makeStream()
        self.beginnings = beginnings
        self.answers = answers
        self.ending = ending
        task = Task {
            defer {
                beginning.finish()
                answer.finish()
            }
            do {
                try await real.client.withTransaction { transaction in
                    // A statement that waits although the model says that it does not must not wait for ever.
                    _ = try await transaction.query("SET LOCAL lock_timeout = '10s'")
                    beginning.yield(try await real.now(in: transaction))
                    answer.yield(try await real.execute(statement, requests, in: transaction))
                    for await commits in endings where !commits { throw RolledBack() }
                }
            } catch is RolledBack {}
        }
    }

    /// The transaction's time in microseconds; nil where it failed.
    func startedAt() async -> Int? { await beginnings.first { _ in true } }

    /// What the statement gives; nil where it fails.
    func answer() async -> RealStore.Answer? { await answers.first { _ in true } }

    /// Ends the transaction.
    /// - Throws: what the statement failed with.
    func end(commits: Bool) async throws {
        ending.yield(commits)
        ending.finish()
        try await task.value
    }
}

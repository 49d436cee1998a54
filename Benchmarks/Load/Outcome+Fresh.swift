import Foundation
import Waymark

/// An answer other than the one that a scenario is about.
struct UnexpectedAnswer: Error, CustomStringConvertible {
    let description: String
}

extension Outcome {
    /// - Parameter replayed: whether the answer must have been given before.
    /// - Throws: `UnexpectedAnswer` unless it is finished.
    func requireFinished(replayed expected: Bool = false) throws {
        guard case .finished(_, let replayed) = self, replayed == expected else {
            throw UnexpectedAnswer(description: "\(self)")
        }
    }

    /// - Throws: `UnexpectedAnswer` unless it waits for its time.
    func requireWaiting() throws {
        guard case .inProgress(let progress) = self, progress.cause == .waiting else {
            throw UnexpectedAnswer(description: "\(self)")
        }
    }
}

extension IdempotencyKey {
    /// One that nobody has sent before.
    static func fresh() throws -> IdempotencyKey { try IdempotencyKey(UUID().uuidString) }
}

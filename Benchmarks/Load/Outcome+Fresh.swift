import Foundation
import Waymark

/// An answer other than the one that a scenario is about.
struct UnexpectedAnswer: Error, CustomStringConvertible {
    let description: String
}

extension Outcome {
    /// - Parameter replayed: whether the answer must have been given before.
    /// - Throws: `UnexpectedAnswer` unless it is finished.
    // What it says of others is no part of the frame of whoever waits for this one.
    @inline(never)
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
    static func fresh() throws -> IdempotencyKey {
        // Not a UUID of Foundation's, which opens a file for each: it is the client's work that would be measured.
        try IdempotencyKey(String(UInt128.random(in: 0...UInt128.max), radix: 36))
    }
}

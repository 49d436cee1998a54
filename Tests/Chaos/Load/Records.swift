import Foundation
import Synchronization

/// What was asked for, and what was heard of it.
final class Records: Sendable {
    /// What of an answer must be the same whenever it is given.
    struct Heard: Sendable, Hashable, CustomStringConvertible {
        let status: Int
        let body: Data
        let isParked: Bool

        var description: String { "\(status) \(String(decoding: body, as: UTF8.self))" }
    }

    /// One order and its answers.
    struct Record: Sendable {
        let order: Order
        /// The first answer, and each one that differed from it.
        var heard: [Heard] = []
        /// Why somebody who asked was not answered.
        var silence: String?
    }

    private struct State {
        var records: [String: Record] = [:]
        /// When orders had their first answer, in order.
        var answeredAt: [ContinuousClock.Instant] = []
        var repeats = 0
    }

    private let state = Mutex(State())

    /// Everything that was asked for, by key.
    var all: [String: Record] { state.withLock(\.records) }

    /// Orders that have been answered.
    var answered: Int { state.withLock(\.answeredAt.count) }

    /// Answers to orders that had been answered before.
    var repeats: Int { state.withLock(\.repeats) }

    func begin(_ order: Order) { state.withLock { $0.records[order.key] = Record(order: order) } }

    func note(_ heard: Heard, to order: Order) {
        state.withLock { state in
            let known = state.records[order.key]?.heard ?? []
            if known.isEmpty { state.answeredAt.append(.now) } else { state.repeats += 1 }
            if !known.contains(heard) { state.records[order.key]?.heard.append(heard) }
        }
    }

    func noteSilence(_ reason: String, to order: Order) {
        state.withLock { $0.records[order.key]?.silence = reason }
    }

    /// Orders per second that had their first answer from `start` on, before `end`.
    func rate(from start: ContinuousClock.Instant, to end: ContinuousClock.Instant) -> Double {
        let count = state.withLock { $0.answeredAt.reversed().prefix { $0 >= start }.count { $0 < end } }
        return Double(count) / (start.duration(to: end) / .seconds(1))
    }
}

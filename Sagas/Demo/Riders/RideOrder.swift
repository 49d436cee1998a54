import Staging
import WaymarkTesting

/// A ride that somebody will ask for.
struct RideOrder: Sendable {
    /// The idempotency key.
    let key: String
    /// Who asks.
    let rider: String
    let fields: RideFields
    /// When, from the first ride on.
    let dueAt: Duration
    /// Whether it is sent twice at once, as by a nervous client.
    let isDoubled: Bool

    /// The rides of a seed, spread over `window`, each tenth doubled; by time.
    static func make(_ count: Int, seed: UInt64, window: Duration) -> [RideOrder] {
        var generator = SeededGenerator(seed: seed, stream: 2)
        let times = (0..<count).map { _ in window * Double.random(in: 0...1, using: &generator) }.sorted()
        return times.enumerated().map { index, time in
            RideOrder(
                key: "ride-\(index + 1)",
                rider: RideFields.rider(using: &generator), fields: RideFields(using: &generator),
                dueAt: time, isDoubled: index % 10 == 0)
        }
    }
}

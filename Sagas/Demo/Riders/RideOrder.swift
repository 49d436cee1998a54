/// A ride that somebody will ask for.
struct RideOrder: Sendable {
    /// The body of `POST /rides`.
    struct Fields: Encodable, Sendable {
        let originLat: Double
        let originLon: Double
        let targetLat: Double
        let targetLon: Double

        enum CodingKeys: String, CodingKey {
            case originLat = "origin_lat"
            case originLon = "origin_lon"
            case targetLat = "target_lat"
            case targetLon = "target_lon"
        }
    }

    /// The idempotency key.
    let key: String
    /// Who asks: one of the users that RocketRides' schema has.
    let rider: String
    let fields: Fields
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
                rider: "rider\(Int.random(in: 1...20, using: &generator))@example.com",
                fields: Fields(
                    originLat: degrees(90, &generator), originLon: degrees(180, &generator),
                    targetLat: degrees(90, &generator), targetLon: degrees(180, &generator)),
                dueAt: time, isDoubled: index % 10 == 0)
        }
    }

    /// With as many digits as the table keeps.
    private static func degrees(_ bound: Double, _ generator: inout SeededGenerator) -> Double {
        (Double.random(in: -bound...bound, using: &generator) * 1_000_000).rounded() / 1_000_000
    }
}

/// The body of `POST /rides`.
package struct RideFields: Encodable, Sendable {
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

    /// From anywhere to anywhere.
    package init(using generator: inout some RandomNumberGenerator) {
        originLat = Self.degrees(90, &generator)
        originLon = Self.degrees(180, &generator)
        targetLat = Self.degrees(90, &generator)
        targetLon = Self.degrees(180, &generator)
    }

    /// One of the users that RocketRides' schema has.
    package static func rider(using generator: inout some RandomNumberGenerator) -> String {
        "rider\(Int.random(in: 1...20, using: &generator))@example.com"
    }

    /// With as many digits as the table keeps.
    private static func degrees(_ bound: Double, _ generator: inout some RandomNumberGenerator) -> Double {
        (Double.random(in: -bound...bound, using: &generator) * 1_000_000).rounded() / 1_000_000
    }
}

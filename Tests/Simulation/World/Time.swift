/// Times and delays of the simulation are microseconds: PostgreSQL's own resolution, and whole numbers repeat exactly.
package typealias Microseconds = Int

extension Int {
    static var milliseconds: Int { 1_000 }
    static var seconds: Int { 1_000_000 }
}

extension Duration {
    var inMicroseconds: Microseconds {
        Int(components.seconds) * .seconds + Int(components.attoseconds / 1_000_000_000_000)
    }
}

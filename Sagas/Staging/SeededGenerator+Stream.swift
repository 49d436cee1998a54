package import WaymarkTesting

extension SeededGenerator {
    /// - Parameter stream: numbers the uses of one seed, so that a change in one does not shift the others.
    package init(seed: UInt64, stream: UInt64) { self.init(seed: seed ^ (stream &* 0xD6E8_FEB8_6659_FD93)) }
}

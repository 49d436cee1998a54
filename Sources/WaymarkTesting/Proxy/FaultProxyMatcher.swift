/// Finds a pattern in bytes that come in pieces, in one pass and without keeping the pieces (Knuth, Morris and Pratt).
struct FaultProxyMatcher: Sendable {
    private let pattern: [UInt8]
    /// For each length of a match so far: the longest shorter match that is also one.
    private let fallback: [Int]
    /// How many bytes of the pattern the last bytes seen agree with.
    private var matched = 0

    /// - Parameter pattern: Not empty.
    init(_ pattern: [UInt8]) {
        self.pattern = pattern
        var fallback = [0]
        var length = 0
        for byte in pattern.dropFirst() {
            while length > 0, byte != pattern[length] { length = fallback[length - 1] }
            if byte == pattern[length] { length += 1 }
            fallback.append(length)
        }
        self.fallback = fallback
    }

    /// Reads the next piece, up to the end of the pattern's first occurrence.
    ///
    /// - Returns: How many bytes of `bytes` were read when the pattern was complete, or nil when it is not.
    mutating func firstEnd(in bytes: some Collection<UInt8>) -> Int? {
        for (offset, byte) in bytes.enumerated() {
            while matched > 0, byte != pattern[matched] { matched = fallback[matched - 1] }
            if byte == pattern[matched] { matched += 1 }
            if matched == pattern.count {
                matched = fallback[matched - 1]
                return offset + 1
            }
        }
        return nil
    }
}

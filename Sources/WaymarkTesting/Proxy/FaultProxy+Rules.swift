import Synchronization

extension FaultProxy {
    /// What is done to every connection. The default does nothing.
    public struct Rules: Sendable, Equatable {
        /// How long each piece that is read from the client waits before it goes on.
        public var latencyToServer: Duration
        /// How long each piece that is read from the server waits before it goes on.
        public var latencyToClient: Duration
        /// How far a latency strays from its value, as a fraction of it (0 to 1), by the proxy's seed.
        public var jitter: Double
        /// Whether new connections are reset as soon as they are made.
        public var refusesConnections: Bool
        /// Cuts a connection once this many of its bytes have gone to the server; those bytes do go.
        public var cutAfterBytesToServer: Int?
        /// Cuts a connection once this many of its bytes have gone to the client; those bytes do go.
        public var cutAfterBytesToClient: Int?

        public init(
            latencyToServer: Duration = .zero,
            latencyToClient: Duration = .zero,
            jitter: Double = 0,
            refusesConnections: Bool = false,
            cutAfterBytesToServer: Int? = nil,
            cutAfterBytesToClient: Int? = nil
        ) {
            precondition((0...1).contains(jitter), "jitter is a fraction between 0 and 1")
            self.latencyToServer = latencyToServer
            self.latencyToClient = latencyToClient
            self.jitter = jitter
            self.refusesConnections = refusesConnections
            self.cutAfterBytesToServer = cutAfterBytesToServer
            self.cutAfterBytesToClient = cutAfterBytesToClient
        }

        func latency(_ direction: Direction) -> Duration {
            direction == .toServer ? latencyToServer : latencyToClient
        }

        func cutAfterBytes(_ direction: Direction) -> Int? {
            direction == .toServer ? cutAfterBytesToServer : cutAfterBytesToClient
        }
    }

    /// Replaces the rules, for open connections and for new ones.
    public func setRules(_ rules: Rules) {
        state.withLock { $0.rules = rules }
    }

    /// Cuts a connection at the next occurrence of `pattern`, wherever the reads happen to split it.
    ///
    /// - Parameters:
    ///   - pattern: The bytes to look for; not empty. Looked for in what is read from now on.
    ///   - direction: Where the bytes go.
    ///   - times: How many cuts to make, over all connections.
    ///   - forward: With false, the connection is closed before the pattern has gone on in full: the server never learns
    ///     of it. With true and `.toServer`, the pattern goes on, the server's next answer is swallowed, and then the
    ///     client is cut off: it happened, and the client does not know. With true and `.toClient`, the client is cut
    ///     off right behind the pattern.
    public func cutAfter(pattern: [UInt8], direction: Direction = .toServer, times: Int = 1, forward: Bool) {
        precondition(!pattern.isEmpty, "there is no empty pattern")
        precondition(times > 0, "a cut happens at least once")
        state.withLock { $0.addTrap(pattern: pattern, direction: direction, times: times, forward: forward) }
    }

    /// Cuts a connection at the next occurrence of `pattern` in UTF-8; see the overload over bytes.
    public func cutAfter(pattern: String, direction: Direction = .toServer, times: Int = 1, forward: Bool) {
        cutAfter(pattern: Array(pattern.utf8), direction: direction, times: times, forward: forward)
    }

    /// Takes the server away for good at one occurrence of `pattern` on its way there: the connection is cut as by
    /// ``cutAfter(pattern:direction:times:forward:)``, every other one with it, and later ones are refused. To the server
    /// it is as if the client's machine had lost power there.
    ///
    /// - Parameter occurrence: Which one, from 1, over all connections. Of several that a client sends at once only the first
    ///   counts.
    public func severAfter(pattern: [UInt8], occurrence: Int, forward: Bool) {
        precondition(!pattern.isEmpty && occurrence > 0, "there is no empty pattern, and occurrences count from 1")
        state.withLock {
            $0.addTrap(
                pattern: pattern, direction: .toServer, times: 1, forward: forward, toPass: occurrence - 1,
                isFinal: true)
        }
    }

    /// Whether ``severAfter(pattern:occurrence:forward:)`` has taken the server away.
    public var isSevered: Bool { state.withLock { $0.isSevered } }

    /// Forgets every pattern of ``cutAfter(pattern:direction:times:forward:)`` and goes back to the default rules.
    public func clearRules() {
        state.withLock {
            $0.rules = Rules()
            $0.traps.removeAll()
        }
    }
}

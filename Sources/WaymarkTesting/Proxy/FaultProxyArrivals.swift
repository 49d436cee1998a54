import NIOCore
import Synchronization

extension FaultProxy {
    /// Connections that were made and are not served yet. A channel must not be dropped unclosed, as one would be that comes
    /// while the proxy stops.
    final class Arrivals: Sendable {
        struct Closed: Error {}

        private let waiting = Mutex<[ObjectIdentifier: Connected]?>([:])

        /// - Throws: `Closed` when nobody will serve it.
        func wrap(_ channel: any Channel) throws -> Connected {
            try waiting.withLock { waiting in
                if waiting == nil { throw Closed() }
                let client = try FaultProxy.wrap(channel)
                waiting?[ObjectIdentifier(channel)] = client
                return client
            }
        }

        func leave(_ client: Connected) {
            waiting.withLock { _ = $0?.removeValue(forKey: ObjectIdentifier(client.channel)) }
        }

        /// Closes those that nobody took; later ones are turned away.
        func close() async {
            let left = waiting.withLock { waiting in
                defer { waiting = nil }
                return waiting.map { Array($0.values) } ?? []
            }
            for client in left { try? await client.executeThenClose { _, _ in } }
        }
    }
}

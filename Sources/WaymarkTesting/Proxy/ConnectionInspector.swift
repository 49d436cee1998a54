package import NIOCore

/// Reads what passes through one connection of a `FaultProxy`, and decides what goes on and when.
package protocol ConnectionInspector: Sendable {
    /// Is given each piece as it was read; `forward` sends on what is to go on, in as many parts as it takes.
    ///
    /// The two directions are carried independently of each other: one that waits holds up only itself.
    /// - Throws: to have the connection reset.
    func carry(
        _ piece: ByteBuffer, _ direction: FaultProxy.Direction, forward: (ByteBuffer) async throws -> Void
    ) async throws
}

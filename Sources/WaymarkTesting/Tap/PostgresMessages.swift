import NIOCore

/// Splits what a PostgreSQL client sends into its messages, wherever the reads happen to split it.
struct PostgresMessages: Sendable {
    /// One message, whole.
    struct Message: Sendable {
        /// Its type's letter; nil for those that begin a connection, which have none.
        let type: Character?
        let bytes: ByteBuffer

        /// What stands behind type and length.
        var payload: ByteBuffer {
            let header = type == nil ? 4 : 5
            return bytes.getSlice(at: bytes.readerIndex + header, length: bytes.readableBytes - header) ?? ByteBuffer()
        }
    }

    private static let encryptionRequests: Set<UInt32> = [80_877_103, 80_877_104]

    private var unread = ByteBuffer()
    /// Until the start-up message has gone by.
    private var isStarting = true

    mutating func append(_ piece: ByteBuffer) {
        unread.writeImmutableBuffer(piece)
    }

    /// The next whole message.
    mutating func next() -> Message? {
        let header = isStarting ? 0 : 1
        guard
            let length = unread.getInteger(at: unread.readerIndex + header, as: UInt32.self),
            let bytes = unread.readSlice(length: header + Int(length))
        else { return nil }
        unread.discardReadBytes()
        if isStarting {
            let code = bytes.getInteger(at: bytes.readerIndex + 4, as: UInt32.self) ?? 0
            isStarting = Self.encryptionRequests.contains(code)
            return Message(type: nil, bytes: bytes)
        }
        let type = bytes.getInteger(at: bytes.readerIndex, as: UInt8.self) ?? 0
        return Message(type: Character(UnicodeScalar(type)), bytes: bytes)
    }

    /// A message of `type` with these parts as its payload.
    static func message(_ type: Character, _ write: (inout ByteBuffer) -> Void) -> ByteBuffer {
        var payload = ByteBuffer()
        write(&payload)
        var message = ByteBuffer()
        message.writeInteger(type.asciiValue ?? 0)
        message.writeInteger(UInt32(payload.readableBytes + 4))
        message.writeBuffer(&payload)
        return message
    }
}

extension PostgresMessages {
    /// Reads what a server says when a connection begins, for the number of its process.
    struct Answers: Sendable {
        private(set) var serverProcessID: Int?
        private var unread: ByteBuffer? = ByteBuffer()

        mutating func read(_ piece: ByteBuffer) {
            guard var bytes = unread else { return }
            bytes.writeImmutableBuffer(piece)
            while let type = bytes.getInteger(at: bytes.readerIndex, as: UInt8.self),
                let length = bytes.getInteger(at: bytes.readerIndex + 1, as: UInt32.self),
                let message = bytes.readSlice(length: Int(length) + 1)
            {
                if type == UInt8(ascii: "K") {
                    serverProcessID = message.getInteger(at: message.readerIndex + 5, as: UInt32.self).map { Int($0) }
                    unread = nil
                    return
                }
            }
            unread = bytes
        }
    }
}

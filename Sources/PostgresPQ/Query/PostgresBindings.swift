/// The parameters of one statement, already in the form in which they are sent.
///
/// Values are encoded into one buffer as they are appended. A value that cannot be encoded is remembered and makes the
/// statement fail with ``PostgresError/Code/encoding`` when it is run, before anything is sent; appending never throws.
public struct PostgresBindings: Sendable, Hashable {
    /// One parameter: its type, and where its bytes lie. A length of -1 is NULL.
    struct Slot: Sendable, Hashable {
        var type: PostgresType
        var format: PostgresFormat
        var offset: Int
        var length: Int32
    }

    static let nulMessage = "PostgreSQL text cannot contain a NUL character"

    private(set) var slots: [Slot] = []
    private(set) var bytes: [UInt8] = []
    private(set) var failure: String?

    public init() {}

    /// How many parameters there are. PostgreSQL allows 65,535.
    public var count: Int { slots.count }

    /// How many bytes they are on their way to the server.
    package var byteCount: Int { bytes.count }

    /// Makes room for this many parameters of a common size.
    mutating func reserveCapacity(_ count: Int) {
        slots.reserveCapacity(count)
        bytes.reserveCapacity(count * 16)
    }

    /// Appends a value as the next parameter.
    public mutating func append<Value: PostgresEncodable>(_ value: Value) {
        let offset = bytes.count
        do {
            try value.encode(into: &bytes)
            guard let length = Int32(exactly: bytes.count - offset) else {
                throw PostgresError(.encoding, "longer than 2 GiB")
            }
            if Value.postgresFormat == .text {
                guard !bytes[offset...].contains(0) else {
                    throw PostgresError(.encoding, Self.nulMessage)
                }
                bytes.append(0)
            }
            slots.append(
                Slot(type: Value.postgresType, format: Value.postgresFormat, offset: offset, length: length))
        } catch {
            let reason = (error as? PostgresError)?.message ?? "\(error)"
            failure = failure ?? "parameter $\(slots.count + 1) (\(Value.self)): \(reason)"
            bytes.removeSubrange(offset...)
            appendNull(Value.postgresType)
        }
    }

    /// Appends a value, or NULL of the value's type.
    public mutating func append<Value: PostgresEncodable>(_ value: Value?) {
        if let value {
            append(value)
        } else {
            appendNull(Value.postgresType)
        }
    }

    /// Appends what `encode` writes, in binary form.
    mutating func append(type: PostgresType, _ encode: (inout [UInt8]) -> Void) {
        let offset = bytes.count
        encode(&bytes)
        slots.append(Slot(type: type, format: .binary, offset: offset, length: Int32(bytes.count - offset)))
    }

    mutating func adopt(failureOf other: PostgresBindings) {
        failure = failure ?? other.failure
    }

    /// Appends NULL. With the default type the server infers the type from where the parameter stands.
    public mutating func appendNull(_ type: PostgresType = .unknown) {
        slots.append(Slot(type: type, format: .binary, offset: bytes.count, length: -1))
    }
}

extension PostgresBindings: CustomStringConvertible, CustomDebugStringConvertible {
    /// The number of parameters, never their values.
    public var description: String { "\(count) bindings" }
    public var debugDescription: String { description }
}

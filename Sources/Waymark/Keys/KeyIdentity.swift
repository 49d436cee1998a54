import Crypto
package import Foundation

/// Ids derived from what they name, so that every process and every attempt arrives at the same one.
package enum KeyIdentity {
    /// The row's id: the primary key is the uniqueness of (scope, key). A scope holds no NUL, so no two pairs meet.
    package static func rowID(scope: Scope, key: IdempotencyKey) -> UUID {
        uuid(hashing: "waymark:key:1\0\(scope)\0\(key)")
    }

    /// The id of a row that holds what was run once under a name: no saga's, and no other name's. A name holds no NUL.
    package static func rowID(once name: String, scope: Scope, key: IdempotencyKey) -> UUID {
        uuid(hashing: "waymark:once:1\0\(name)\0\(scope)\0\(key)")
    }

    /// The key passed to a foreign system at one step. Never from the attempt or the fence: a repeat is the same request.
    package static func foreignKey(_ context: KeyContext, recoveryPoint: String) -> String {
        uuid(hashing: "waymark:call:1\0\(text(of: context))\0\(recoveryPoint)").text(.lowercase)
    }

    /// The id of the job staged at `position` by the phase that commits `recoveryPoint`: the same when the phase is rerun.
    package static func jobID(_ context: KeyContext, recoveryPoint: String, position: Int) -> UUID {
        uuid(hashing: "waymark:job:1\0\(text(of: context))\0\(recoveryPoint)\0\(position)")
    }

    private static func text(of context: KeyContext) -> String {
        "\(context.id.text(.uppercase))\0\(context.incarnation.text(.uppercase))"
    }

    /// A random number for an acceptance, as a UUIDv4. Foundation's `UUID()` opens, reads and closes /dev/urandom each time.
    package static func incarnation() -> UUID {
        var random = SystemRandomNumberGenerator()
        let bits = (random.next(), random.next())
        return withUnsafeBytes(of: bits) { uuid($0.loadUnaligned(as: uuid_t.self), version: 4) }
    }

    /// A UUIDv7: the milliseconds since 1970, and 74 random bits.
    package static func timeOrdered() -> UUID {
        var random = SystemRandomNumberGenerator()
        let milliseconds = UInt64(max(Date().timeIntervalSince1970, 0) * 1000)
        let bits = ((milliseconds << 16 | random.next() >> 48).bigEndian, random.next() as UInt64)
        return withUnsafeBytes(of: bits) { uuid($0.loadUnaligned(as: uuid_t.self), version: 7) }
    }

    /// The first 16 bytes of SHA-256 as a UUIDv8 (RFC 9562, section 5.8).
    private static func uuid(hashing text: String) -> UUID {
        SHA256.hash(text: text).withUnsafeBytes { uuid($0.loadUnaligned(as: uuid_t.self), version: 8) }
    }

    private static func uuid(_ bits: uuid_t, version: UInt8) -> UUID {
        var bytes = bits
        bytes.6 = bytes.6 & 0x0F | version << 4
        bytes.8 = bytes.8 & 0x3F | 0x80
        return UUID(uuid: bytes)
    }
}

/// What has happened, by key and by object, in memory and in a file.
///
/// The file is ahead: nothing is answered, or visible in memory, that is not on disk.
actor Ledger {
    /// Whether a request may be carried out.
    enum Admission: Equatable {
        case admitted
        case replay(Reply)
        /// Another request with the key is under way.
        case conflict
        /// The key was used for something else.
        case mismatch
    }

    private let file: LedgerFile
    private(set) var book = LedgerBook()
    private(set) var counts = Counts()
    /// The keys under way, each with its request's fingerprint.
    private var inFlight: [LedgerKey: String] = [:]
    /// The charges whose refund is on its way to the disk.
    private var refunding: Set<String> = []

    /// What is counted from the start of the process on.
    struct Counts: Sendable, Equatable {
        var replays = 0
        var conflicts = 0
        var mismatches = 0
    }

    /// Opens the ledger at `path`, a file, or a folder to keep one in, and reads it back.
    ///
    /// - Throws: ``LedgerError`` when another process has it open or a line in its middle cannot be read.
    init(path: String) throws {
        let (file, records) = try LedgerFile.open(path)
        self.file = file
        for record in records { book.apply(record) }
    }

    /// Asks for the right to carry a request out. Who is admitted ends with ``enter(_:key:fingerprint:)`` or
    /// ``release(_:)``.
    func admit(_ key: LedgerKey, fingerprint: String) -> Admission {
        if let outcome = book.outcomes[key] {
            guard outcome.fingerprint == fingerprint else { return mismatched() }
            counts.replays += 1
            var reply = outcome.reply
            reply.isReplayed = true
            return .replay(reply)
        }
        if let other = inFlight[key] {
            guard other == fingerprint else { return mismatched() }
            counts.conflicts += 1
            return .conflict
        }
        inFlight[key] = fingerprint
        return .admitted
    }

    /// Gives the right back; nothing has happened.
    func release(_ key: LedgerKey) { inFlight[key] = nil }

    /// Makes it happen, and on disk, before it returns.
    ///
    /// - Returns: The answer, which was stored with it.
    /// - Throws: ``Refusal`` when it cannot happen, ``LedgerError`` when the disk fails; the key is still held then.
    func enter(_ proposed: LedgerEntry, key: LedgerKey, fingerprint: String) async throws -> Reply {
        let (entry, reply) = try book.settle(proposed, refunding: refunding)
        if case .refund(let refund) = entry { refunding.insert(refund.charge) }
        defer { if case .refund(let refund) = entry { refunding.remove(refund.charge) } }
        let record = LedgerRecord(key: key, fingerprint: fingerprint, entry: entry, reply: reply)
        try await file.append(record)
        book.apply(record)
        inFlight[key] = nil
        return reply
    }

    private func mismatched() -> Admission {
        counts.mismatches += 1
        return .mismatch
    }
}

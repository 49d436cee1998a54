import Foundation

/// How long what a statement sets holds on: settings, locks, temporary tables, cursors, subscriptions.
///
/// It is read off the text, without the server's help, and errs on the side of the session. What a function does that the
/// statement calls cannot be seen.
package enum SessionEffect: Sendable, Comparable {
    /// It sets nothing.
    case none
    /// To the end of its transaction.
    case transaction
    /// To the end of the session: somebody else would find it there.
    case session
}

extension PostgresQuery {
    /// How long what the statement sets holds on.
    package var sessionEffect: SessionEffect {
        var text = sql
        return text.withUTF8 { SessionEffectReader(text: $0).effect }
    }
}

/// Reads a statement's first words, and the names of the functions that it calls.
private struct SessionEffectReader {
    /// Functions whose effect outlives the transaction.
    private static let functions = [
        "pg_advisory_lock", "pg_advisory_lock_shared", "pg_try_advisory_lock", "pg_try_advisory_lock_shared",
        "dblink_connect", "dblink_connect_u", "setseed",
    ]
    private static let setting = "set_config"

    let text: UnsafeBufferPointer<UInt8>

    var effect: SessionEffect { max(effectOfCommand, effectOfCalls) }

    // MARK: the command

    private var effectOfCommand: SessionEffect {
        var place = 0
        switch nextWord(from: &place) {
        case "set":
            let local = ["local", "transaction", "constraints"]
            return local.contains(nextWord(from: &place)) ? .transaction : .session
        case "prepare": return nextWord(from: &place) == "transaction" ? .none : .session
        case "reset", "listen", "load", "do": return .session
        case "declare": return hasWord("hold", from: place) ? .session : .transaction
        case "create":
            guard hasWord("temp", from: place) || hasWord("temporary", from: place) || hasWord("pg_temp", from: place)
            else { return .none }
            return hasWord("drop", from: place) ? .transaction : .session
        case "select", "with":
            // SELECT … INTO TEMP: without INTO the word is a column's name.
            guard hasWord("into", from: place) else { return .none }
            return hasWord("temp", from: place) || hasWord("temporary", from: place) || hasWord("pg_temp", from: place)
                ? .session : .none
        default: return .none
        }
    }

    /// The next word in lower case; empty where none follows. Spaces, comments and brackets before it are skipped.
    private func nextWord(from place: inout Int) -> String {
        while place < text.count, !Self.isWord(text[place]) {
            if starts("--", at: place) {
                while place < text.count, text[place] != UInt8(ascii: "\n") { place += 1 }
            } else if starts("/*", at: place) {
                skipComment(from: &place)
            } else if Self.isSpace(text[place]) || text[place] == UInt8(ascii: "(") {
                place += 1
            } else {
                return ""
            }
        }
        let start = place
        while place < text.count, Self.isWord(text[place]) { place += 1 }
        return String(decoding: text[start..<place].map(Self.lowercased), as: UTF8.self)
    }

    /// Comments are nested.
    private func skipComment(from place: inout Int) {
        var depth = 0
        while place < text.count {
            if starts("/*", at: place) {
                depth += 1
                place += 2
            } else if starts("*/", at: place) {
                depth -= 1
                place += 2
                if depth == 0 { return }
            } else {
                place += 1
            }
        }
    }

    private func starts(_ marker: StaticString, at place: Int) -> Bool {
        place + 1 < text.count && text[place] == marker.utf8Start[0] && text[place + 1] == marker.utf8Start[1]
    }

    /// Whether the text has this word, in whatever case, not only as a part of another.
    private func hasWord(_ word: StaticString, from start: Int) -> Bool {
        let length = word.utf8CodeUnitCount
        var place = start
        while place + length <= text.count {
            if matches(word.utf8Start, length, at: place),
                place == 0 || !Self.isWord(text[place - 1]),
                place + length == text.count || !Self.isWord(text[place + length])
            {
                return true
            }
            place += 1
        }
        return false
    }

    private func matches(_ word: UnsafePointer<UInt8>, _ length: Int, at place: Int) -> Bool {
        for index in 0..<length where Self.lowercased(text[place + index]) != word[index] { return false }
        return true
    }

    // MARK: the functions

    /// Looks at what stands before each bracket: most statements have few.
    private var effectOfCalls: SessionEffect {
        var effect = SessionEffect.none
        var place = 0
        while let bracket = nextBracket(from: place) {
            place = bracket + 1
            effect = max(effect, effectOfCall(at: bracket))
        }
        return effect
    }

    private func nextBracket(from place: Int) -> Int? {
        guard let base = text.baseAddress, place < text.count else { return nil }
        guard let found = memchr(base + place, Int32(UInt8(ascii: "(")), text.count - place) else { return nil }
        return UnsafeRawPointer(found) - UnsafeRawPointer(base)
    }

    private func effectOfCall(at bracket: Int) -> SessionEffect {
        var end = bracket
        while end > 0, Self.isSpace(text[end - 1]) || text[end - 1] == UInt8(ascii: "\"") { end -= 1 }
        var start = end
        while start > 0, Self.isWord(text[start - 1]) { start -= 1 }
        let length = end - start
        // No other name is longer, or shorter.
        guard (7...27).contains(length) else { return .none }
        if isName(Self.setting, start, length) { return isLocalSetting(after: bracket) ? .transaction : .session }
        return Self.functions.contains { isName($0, start, length) } ? .session : .none
    }

    private func isName(_ name: String, _ start: Int, _ length: Int) -> Bool {
        guard name.utf8.count == length else { return false }
        var place = start
        for byte in name.utf8 {
            if Self.lowercased(text[place]) != byte { return false }
            place += 1
        }
        return true
    }

    /// Whether the last argument of `set_config(name, value, is_local)` is the word true.
    private func isLocalSetting(after bracket: Int) -> Bool {
        var (depth, isQuoted, lastArgument) = (1, false, bracket + 1)
        for place in (bracket + 1)..<text.count {
            switch text[place] {
            case UInt8(ascii: "'"): isQuoted.toggle()
            case _ where isQuoted: continue
            case UInt8(ascii: "("): depth += 1
            case UInt8(ascii: ",") where depth == 1: lastArgument = place + 1
            case UInt8(ascii: ")"):
                depth -= 1
                guard depth == 0 else { continue }
                var start = lastArgument
                while start < place, Self.isSpace(text[start]) { start += 1 }
                var end = place
                while end > start, Self.isSpace(text[end - 1]) { end -= 1 }
                return isName("true", start, end - start)
            default: continue
            }
        }
        return false
    }

    // MARK: characters

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || (UInt8(ascii: "\t")...UInt8(ascii: "\r")).contains(byte)
    }

    /// A letter, a digit, an underscore, or part of a character beyond ASCII.
    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), 0x80...:
            true
        default: false
        }
    }

    private static func lowercased(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
    }
}

import Foundation

/// The ISO 8601 text of dates, with milliseconds, or with microseconds where a date is not on a whole millisecond.
///
/// Microseconds are what PostgreSQL keeps: a date that comes from a row and goes through a step's output finds that row again.
enum DateText {
    /// The fraction of a second that a text keeps.
    enum Precision {
        case milliseconds, microseconds
    }

    /// The years that are written and read here. Foundation counts by the Julian calendar before 1582, and has the others.
    private static let plainYears = 1583...9999
    /// The seconds since 1970 of those years.
    private static let plainSeconds = -12_212_553_600...253_402_300_799
    /// The year 1 to PostgreSQL's last: a text with a year before reads as another date.
    private static let storedSeconds = -62_135_769_600...9_224_318_015_999
    private static let secondsTo2001 = 978_307_200

    /// The text of a date; nil where no text reads as that date again.
    static func text(of date: Date, _ precision: Precision) -> String? {
        let time = date.timeIntervalSinceReferenceDate
        guard time.isFinite, abs(time) < 1e13 else { return nil }
        var (seconds, micros) = (0, 0)
        switch precision {
        case .milliseconds:
            let milliseconds = Int((time * 1000).rounded())
            (seconds, micros) = milliseconds.flooredDivision(by: 1000)
            micros *= 1000
        case .microseconds:
            // The whole seconds apart, so that a date far from 2001 loses nothing to the multiplication.
            seconds = Int(time.rounded(.down))
            micros = Int(((time - Double(seconds)) * 1e6).rounded())
            if micros == 1_000_000 { (seconds, micros) = (seconds + 1, 0) }
        }
        seconds += secondsTo2001
        guard storedSeconds.contains(seconds) else { return nil }
        return beginning(of: seconds, milliseconds: micros / 1000) + ending(micros % 1000)
    }

    /// Whether a date is between two milliseconds.
    static func needsMicroseconds(_ date: Date) -> Bool {
        let time = date.timeIntervalSinceReferenceDate
        return Int(((time - time.rounded(.down)) * 1e6).rounded()) % 1000 != 0
    }

    /// The text up to the milliseconds.
    private static func beginning(of seconds: Int, milliseconds: Int) -> String {
        guard plainSeconds.contains(seconds) else {
            // The format cuts digits off, so it gets the middle of the millisecond.
            let middle = Double(seconds - secondsTo2001) + (Double(milliseconds) + 0.5) / 1000
            return String(Date(timeIntervalSinceReferenceDate: middle).formatted(format).dropLast())
        }
        let (days, time) = seconds.flooredDivision(by: 86_400)
        let (year, month, day) = civil(fromDays: days)
        return String(unsafeUninitializedCapacity: 23) { buffer in
            var end = 0
            func put(_ number: Int, _ digits: Int, _ mark: Unicode.Scalar?) {
                var (number, index) = (number, end + digits)
                while index > end {
                    index -= 1
                    buffer[index] = UInt8(ascii: "0") + UInt8(number % 10)
                    number /= 10
                }
                end += digits
                if let mark {
                    buffer[end] = UInt8(ascii: mark)
                    end += 1
                }
            }
            put(year, 4, "-")
            put(month, 2, "-")
            put(day, 2, "T")
            put(time / 3600, 2, ":")
            put(time / 60 % 60, 2, ":")
            put(time % 60, 2, ".")
            put(milliseconds, 3, nil)
            return end
        }
    }

    private static func ending(_ micros: Int) -> String {
        if micros == 0 { return "Z" }
        let digits = String(micros)
        return String(repeating: "0", count: 3 - digits.count) + digits + "Z"
    }

    /// The date that a text names; nil where it names none.
    static func date(from text: String) -> Date? {
        plainDate(from: text) ?? (try? format.parse(text)) ?? (try? Date.ISO8601FormatStyle().parse(text))
    }

    private static let format = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
}

extension DateText {
    /// Reads `2024-01-02T03:04:05.678901Z`, of a plain year, with up to nine digits of a fraction.
    private static func plainDate(from text: String) -> Date? {
        var text = text
        return text.withUTF8 { utf8 -> Date? in
            guard utf8.count >= 20, utf8.last == UInt8(ascii: "Z") else { return nil }
            func number(_ range: Range<Int>) -> Int? {
                var number = 0
                for index in range {
                    let digit = Int(utf8[index]) - Int(UInt8(ascii: "0"))
                    guard (0...9).contains(digit) else { return nil }
                    number = number * 10 + digit
                }
                return number
            }
            for (index, mark) in zip([4, 7, 10, 13, 16], "--T::".utf8) where utf8[index] != mark { return nil }
            guard let year = number(0..<4), plainYears.contains(year), let month = number(5..<7),
                (1...12).contains(month),
                let day = number(8..<10), day >= 1, let hour = number(11..<13), hour < 24,
                let minute = number(14..<16), minute < 60, let second = number(17..<19), second < 60
            else { return nil }
            let days = days(fromYear: year, month: month, day: day)
            // The 30th of February is Foundation's to read.
            guard civil(fromDays: days) == (year, month, day) else { return nil }
            var fraction = 0.0
            if utf8.count > 20 {
                let digits = 20..<utf8.count - 1
                guard utf8[19] == UInt8(ascii: "."), (1...9).contains(digits.count), let value = number(digits) else {
                    return nil
                }
                fraction = Double(value) / powersOfTen[digits.count]
            }
            let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - secondsTo2001
            return Date(timeIntervalSinceReferenceDate: Double(seconds) + fraction)
        }
    }

    private static let powersOfTen = [1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9]

    /// The days from 1970 to a date of the Gregorian calendar. Years are counted from March, so that the leap day is a
    /// year's last, and in eras of 400 years, which are all alike.
    private static func days(fromYear year: Int, month: Int, day: Int) -> Int {
        let year = month > 2 ? year : year - 1
        let (era, yearOfEra) = (year / 400, year % 400)
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func civil(fromDays days: Int) -> (year: Int, month: Int, day: Int) {
        let (era, dayOfEra) = (days + 719_468).flooredDivision(by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * shifted + 2) / 5 + 1)
    }
}

extension Int {
    /// The quotient rounded down, and the remainder, which is never negative.
    fileprivate func flooredDivision(by divisor: Int) -> (Int, Int) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}

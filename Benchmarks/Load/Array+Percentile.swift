extension [Double] {
    /// The smallest value that is not below `share` (0 to 1) of all; NaN where there are none.
    func percentile(_ share: Double) -> Double {
        guard !isEmpty else { return .nan }
        let rank = Int((share * Double(count)).rounded(.up))
        return sorted()[Swift.max(rank, 1) - 1]
    }

    /// The middle one, or the mean of the two in the middle; NaN where there are none.
    var median: Double {
        guard !isEmpty else { return .nan }
        let sorted = sorted()
        return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2
    }
}

/// Which card a new share goes to, or which node a pod, among those with room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Placement {
    /// The host with fewest shares held; the longest unchanged among equals.
    #[default]
    LeastLoaded,
    /// The first host with room, in order of numbering.
    FirstFit,
    /// In turn.
    RoundRobin,
    /// Any, evenly.
    Random,
    /// The less loaded of two drawn evenly (Mitzenmacher 2001).
    PowerOfTwo,
    /// The host that will have least left, over GPUs and what else counts.
    BestFit,
    /// The host that will have most left.
    WorstFit,
    /// The host whose room, as a vector, has the smallest product with what is asked.
    DotProduct,
    /// GPUs in use before idle ones, the fullest first.
    GpuPacking,
    /// Hosts that hold only asks of the same kind, the fullest first; then mixed, idle, others.
    GpuClustering,
    /// The host where free GPU parts that usual asks cannot use fall most (FGD).
    FragmentationDescent,
}

impl Placement {
    /// Every rule.
    pub const ALL: [Self; 11] = [
        Self::Random,
        Self::RoundRobin,
        Self::PowerOfTwo,
        Self::LeastLoaded,
        Self::WorstFit,
        Self::FirstFit,
        Self::DotProduct,
        Self::GpuClustering,
        Self::GpuPacking,
        Self::BestFit,
        Self::FragmentationDescent,
    ];

    /// The name that scenarios and the command line have for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LeastLoaded => "least_loaded",
            Self::FirstFit => "first_fit",
            Self::RoundRobin => "round_robin",
            Self::Random => "random",
            Self::PowerOfTwo => "power_of_two",
            Self::BestFit => "best_fit",
            Self::WorstFit => "worst_fit",
            Self::DotProduct => "dot_product",
            Self::GpuPacking => "gpu_packing",
            Self::GpuClustering => "gpu_clustering",
            Self::FragmentationDescent => "fgd",
        }
    }

    /// The rule of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.name() == name)
    }
}

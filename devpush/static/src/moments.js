// Moments in the reader's own zone: fields show them so, and the address carries them with their offset, so that a link means the
// same to everybody. What is empty stays out of the address.
{
  const two = (n) => String(n).padStart(2, "0")

  function offset(at) {
    const minutes = -at.getTimezoneOffset()
    const size = Math.abs(minutes)
    return `${minutes < 0 ? "-" : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`
  }

  const fields = [...document.querySelectorAll("[data-moment]")]
  let wait

  /** Browsers tell of every key: 0002 is a year as well. */
  function settled(field, after) {
    clearTimeout(wait)
    if (field.value === field.asked || (field.value && field.value < "2000")) return
    wait = setTimeout(() => {
      field.asked = field.value
      field.form.requestSubmit()
    }, after)
  }

  for (const field of fields) {
    const { moment } = field.dataset
    if (moment) {
      const at = new Date(moment)
      field.value = new Date(at - at.getTimezoneOffset() * 60000).toISOString().slice(0, field.type === "date" ? 10 : 16)
    }
    field.asked = field.defaultValue = field.value
    field.addEventListener("change", (event) => event.stopPropagation() ?? settled(field, 1000))
    field.addEventListener("blur", () => settled(field, 0))
  }

  fields[0]?.form.addEventListener("formdata", ({ formData }) => {
    for (const { name, type, value } of fields) {
      const text = type === "date" ? `${value}T${name === "to" ? "23:59" : "00:00"}` : value.slice(0, 16)
      if (value) formData.set(name, text + offset(new Date(text)))
    }
    for (const [name, value] of [...formData]) if (!value) formData.delete(name)
  })
}

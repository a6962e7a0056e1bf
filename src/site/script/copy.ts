/** Gives each command a button that copies it; where the clipboard is closed there is no button. */

function addButton(box: HTMLElement): void {
  const button = document.createElement('button')
  button.type = 'button'
  button.textContent = box.dataset.copy ?? ''
  button.setAttribute('aria-live', 'polite')
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(box.querySelector('code')?.textContent ?? '')
    button.textContent = box.dataset.copied ?? ''
  })
  box.append(button)
}

if (navigator.clipboard) {
  for (const box of document.querySelectorAll<HTMLElement>('.command')) addButton(box)
}
